import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { runProgram } from '../support/program.ts';
import { fixture, genericWorker, staticProvider, writeRunnerConfig } from '../support/runner-config.ts';
import { WORKER } from '../support/simulator.ts';
import { REGISTRATION, refuse, sendJson, startServer } from '../support/taskcluster-server.ts';
import { temporaryFolder } from '../support/temp.ts';
import { linesOfWorker, runWorker } from '../support/worker-run.ts';

const { accessToken, certificate } = REGISTRATION.credentials;

/** Everything that the runner has to keep to itself, by where it came from. */
const SECRETS = {
  'the static secret': WORKER.staticSecret,
  'the access token': accessToken,
  'the certificate': certificate,
  "the certificate's signature": 'signature-of-the-certificate',
  'the registration secret': REGISTRATION.secret,
  "a password in the runner config's workerConfig": 'pass-of-runner+/&"<',
  'a token in a list of the pool': 'token-of-pool-1',
  'a key with several lines in a secret':
    '-----BEGIN KEY-----\nMIIEvQIBADANBgkq/+x\nhkiG9w0BAQEFAASC\n-----END KEY-----',
  'a nested password in the older secret': 'geheim-grüße-%2F',
} as const;

/** What is as long, but nobody's secret. */
const NOT_SECRET = ['just-a-word-of-the-pool', 'https://tokens.example.com/path', WORKER.workerId];

/** A Taskcluster whose replies hold these secrets. */
async function startTaskcluster(t: TestContext): Promise<string> {
  const secrets: Readonly<Record<string, object>> = {
    'worker-pool': { config: { signingKey: SECRETS['a key with several lines in a secret'] }, files: [] },
    'worker-type': { passwords: { alice: SECRETS['a nested password in the older secret'] } },
  };
  const { rootUrl } = await startServer(t, (response, { path }) => {
    const secret = Object.entries(secrets).find(([name]) => path.includes(`${name}%3A`))?.[1];
    if (path.endsWith('/worker/register')) {
      sendJson(response, 200, {
        ...REGISTRATION,
        workerConfig: {
          genericWorker: {
            config: {
              apiTokens: [SECRETS['a token in a list of the pool']],
              word: NOT_SECRET[0],
              tokenUrl: NOT_SECRET[1],
            },
          },
        },
      });
    } else if (secret === undefined) refuse(response, 404, 'ResourceNotFound', 'there is none');
    else sendJson(response, 200, { secret, expires: '2030-01-01T00:00:00.000Z' });
  });
  return rootUrl;
}

async function logOfLeakyWorker(t: TestContext, logging: object): Promise<string> {
  const folder = await temporaryFolder(t);
  const config = await writeRunnerConfig(folder, {
    provider: staticProvider(await startTaskcluster(t)),
    worker: genericWorker(folder, fixture('worker-prints-secrets.mjs')),
    workerConfig: { adminPassword: SECRETS["a password in the runner config's workerConfig"] },
    logging,
  });
  const { code, stderr } = await runProgram('start-worker', [config], {
    env: { SECRETS: JSON.stringify([...Object.values(SECRETS), ...NOT_SECRET]) },
  });
  assert.equal(code, 0, stderr);
  return stderr;
}

/** In which spellings a secret, or a line of it, stands in the log. */
function leaks(log: string, secret: string): readonly string[] {
  const lines = secret.split('\n').filter(line => line.length >= 8);
  const escaped = [secret, ...lines].flatMap(text => [
    encodeURIComponent(text),
    JSON.stringify(text).slice(1, -1),
  ]);
  // From the middle: a neighbor has a part in the first and last characters.
  const inBase64 = ['', 'a', 'ab'].map(before =>
    Buffer.from(before + secret)
      .toString('base64')
      .slice(4, 16),
  );
  return [...lines, ...escaped, ...inBase64].filter(form => log.includes(form));
}

for (const implementation of ['stdio', 'json'] as const) {
  void test(`no secret stands in the ${implementation} log, however a worker spells it`, async t => {
    const log = await logOfLeakyWorker(t, { implementation });
    for (const [what, secret] of Object.entries(SECRETS)) assert.deepEqual(leaks(log, secret), [], what);
    for (const word of NOT_SECRET) assert.ok(log.includes(`<${word}>`), `${word} is no secret`);
    // What stands around them is left: each line of the worker is there.
    const lines = log.split('\n');
    for (let number = 0; number < Object.keys(SECRETS).length; number += 1) {
      const ofOne = lines.filter(
        line => line.includes(`begin ${number} `) && line.includes(` end ${number}`),
      );
      assert.ok(ofOne.length >= 22, `${ofOne.length} lines of secret ${number}`);
    }
    if (implementation === 'json') {
      for (const line of log.trimEnd().split('\n')) JSON.parse(line);
    }
  });
}

void test('no secret stands in a log file', async t => {
  const path = join(await temporaryFolder(t), 'runner.log');
  assert.equal(await logOfLeakyWorker(t, { implementation: 'file', path }), '');
  const log = await readFile(path, 'utf8');
  for (const [what, secret] of Object.entries(SECRETS)) assert.deepEqual(leaks(log, secret), [], what);
  assert.ok(log.includes(`<${NOT_SECRET[0] ?? ''}>`));
});

void test('of a secret that straddles the cut of an over-long line not even a part is shown', async t => {
  const secret = 'QWERTYUIOPASDFGHJKL';
  const { lines } = await runWorker(
    t,
    `pad=$(printf '%0980d' 0)
     for n in $(seq 60); do pad="0$pad"; line="$pad"'${secret}'"$pad"; echo "$line"; echo "~{$line"; done`,
    { limits: { line: '1KiB', message: '1KiB' }, workerConfig: { password: secret } },
  );
  assert.equal(lines.length, 120);
  for (const line of lines) {
    const shown = /^(?:~\{)?0+(\D*)0* \[start-worker: \d+ more bytes of this line dropped\]$/.exec(line)?.[1];
    assert.ok(shown !== undefined && '[secret]'.startsWith(shown), `${line.slice(0, 3)}…${line.slice(900)}`);
  }
});

void test('a secret that reaches the runner in pieces is taken out all the same', async t => {
  const { lines } = await runWorker(
    t,
    `printf 'it is pass-'; sleep 0.1; printf 'of-two-pieces'; sleep 0.1; echo .`,
    { workerConfig: { password: 'pass-of-two-pieces' } },
  );
  assert.deepEqual(lines, ['it is [secret].']);
});

void test('the runner’s own entries hold no secret either', async t => {
  const { log } = await runWorker(t, 'true', { workerConfig: { password: 'worker-runner-test' } });
  // It is a part of the worker's path, which the runner prints.
  assert.match(log, /started the worker: \/\S*\[secret\]/);
  assert.ok(!log.includes('worker-runner-test'));
  assert.deepEqual(linesOfWorker(log), []);
});
