import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertFailed, assertNoSecrets, assertWorked, boot, warningsOf } from '../support/boot.ts';
import { simulate, WORKER } from '../support/simulator.ts';
import { REGISTRATION, sendJson, startServer } from '../support/taskcluster-server.ts';
import { temporaryFolder } from '../support/temp.ts';

const POOL = WORKER.workerPoolId;
const TYPE_SECRET = `worker-type:${POOL}`;
const POOL_SECRET = `worker-pool:${POOL}`;
/** In every wrong source below: no message may show it. */
const HUSH = 'hush-hush-hush';

/** Gives the configuration that the worker gets, as one line of its output. */
const SHOW_CONFIG = `tr -d '\\n' <"$3"; echo`;

void test('both secrets are asked for at the same time', async t => {
  const answers: (() => void)[] = [];
  const server = await startServer(t, (response, { path }) => {
    if (!path.includes('/secret/')) {
      sendJson(response, 200, REGISTRATION);
      return;
    }
    answers.push(() =>
      sendJson(response, 404, { code: 'ResourceNotFound', message: 'none', requestInfo: {} }),
    );
    // None is answered before both have been asked for.
    if (answers.length === 2) for (const answer of answers) answer();
  });
  assertWorked(await boot(t, server.rootUrl));
  assert.equal(answers.length, 2);
});

void test('a pool without the scope for the old secret name needs none', async t => {
  const simulator = await simulate(t, {
    secrets: { [TYPE_SECRET]: 403, [POOL_SECRET]: { config: { fromSecret: true } } },
  });
  const result = await boot(t, simulator.rootUrl, { worker: SHOW_CONFIG });
  assertWorked(result);
  assert.match(result.stderr, /"fromSecret": true/);
  assert.deepEqual(warningsOf(result), []);
});

void test('a pool without the scope for its secret is told which scope it is', async t => {
  const simulator = await simulate(t, { secrets: { [POOL_SECRET]: 403 } });
  const result = await boot(t, simulator.rootUrl);
  const statement = assertFailed(result, 'refused');
  assert.ok(statement.startsWith(`secret ${POOL_SECRET} was refused (403): `), statement);
  const advice = `give the worker pool's workers the scope secrets:get:${POOL_SECRET}, or set getSecrets: false`;
  assert.ok(result.stderr.includes(`what to do: ${advice}`), result.stderr);
});

void test('secrets that have expired count as absent, with a warning for each', async t => {
  const simulator = await simulate(t, { secrets: { [TYPE_SECRET]: 410, [POOL_SECRET]: 410 } });
  const result = await boot(t, simulator.rootUrl);
  assertWorked(result);
  assert.deepEqual([...warningsOf(result)].sort(), [
    `secret ${POOL_SECRET} has expired: it counts as absent`,
    `secret ${TYPE_SECRET} has expired: it counts as absent`,
  ]);
});

void test('flat secrets of the old form are configuration as a whole', async t => {
  const simulator = await simulate(t, {
    secrets: {
      [TYPE_SECRET]: { both: 'type', list: [1] },
      [POOL_SECRET]: { both: 'pool', list: [2], config: { inner: 1 }, more: true },
    },
  });
  const result = await boot(t, simulator.rootUrl, { worker: SHOW_CONFIG });
  assertWorked(result);
  assert.match(
    result.stderr,
    /"both": "pool",\s+"list": \[\s+1,\s+2\s+\],\s+"config": \{\s+"inner": 1\s+\},\s+"more": true/,
  );
});

void test('a worker that prints its whole configuration prints no secret of it into the log', async t => {
  const token = 'a-token-of-the-secret';
  const simulator = await simulate(t, {
    secrets: { [POOL_SECRET]: { config: { apiToken: token, nested: { passwords: [HUSH] } } } },
  });
  const result = await boot(t, simulator.rootUrl, { worker: SHOW_CONFIG });
  assertWorked(result);
  assertNoSecrets(result.stderr, token, HUSH);
  const accessToken = /"accessToken": "([^"]*)"/.exec(result.stderr)?.[1];
  assert.match(accessToken ?? '', /^\[.*\]$/);
});

for (const { what, secret, words } of [
  {
    what: 'a config that is no mapping',
    secret: { config: HUSH },
    words: /: config must be an object, but is a string$/,
  },
  {
    what: 'a config that is a list',
    secret: { config: [HUSH] },
    words: /: config must be an object, but is an array$/,
  },
  { what: 'files that are no list', secret: { files: HUSH }, words: /: files must be an array$/ },
  { what: 'a file that is no mapping', secret: { files: [HUSH] }, words: /: files\[0\] must be an object$/ },
  {
    what: 'a file whose content is not base64',
    secret: { files: [{ path: '/never/written', content: `*${HUSH}*`, encoding: 'base64', format: 'file' }] },
    words: /^file "\/never\/written" of secret .*: content is not base64/,
  },
  {
    what: 'an archive that is none',
    secret: {
      files: [
        {
          path: '/never/written',
          content: Buffer.from(HUSH).toString('base64'),
          encoding: 'base64',
          format: 'zip',
        },
      ],
    },
    words: /^zip "\/never\/written" of secret .*: content is no zip archive/,
  },
]) {
  void test(`a secret with ${what} ends the boot, and its content is not shown`, async t => {
    const simulator = await simulate(t, { secrets: { [POOL_SECRET]: secret } });
    const result = await boot(t, simulator.rootUrl);
    const statement = assertFailed(result, 'badSource');
    assert.match(statement, words);
    assert.ok(statement.includes(`secret ${POOL_SECRET}`), statement);
    assertNoSecrets(result.stderr, HUSH);
  });
}

for (const { what, workerConfig, words } of [
  {
    what: 'a number',
    workerConfig: { genericWorker: 7 },
    words: /^provider: genericWorker must be an object, but is a number$/,
  },
  {
    what: 'a config that is no mapping',
    workerConfig: { genericWorker: { config: HUSH } },
    words: /^provider: genericWorker\.config must be an object, but is a string$/,
  },
  {
    what: 'files that are no list',
    workerConfig: { genericWorker: { files: { path: HUSH } } },
    words: /^provider: .*files must be an array$/,
  },
]) {
  void test(`a worker pool whose genericWorker section is or has ${what} is told so`, async t => {
    const simulator = await simulate(t, { workerPools: { [POOL]: { workerConfig } } });
    const result = await boot(t, simulator.rootUrl);
    assert.match(assertFailed(result, 'badSource'), words);
    assertNoSecrets(result.stderr, HUSH);
  });
}

void test('a secret that is wrong in its last file has written none of the files before it', async t => {
  const folder = await temporaryFolder(t);
  const good = { path: join(folder, 'good'), content: 'aGk=', encoding: 'base64', format: 'file' };
  const simulator = await simulate(t, {
    secrets: { [POOL_SECRET]: { files: [good, { ...good, path: join(folder, 'bad'), encoding: 'rot13' }] } },
  });
  const result = await boot(t, simulator.rootUrl);
  assert.match(assertFailed(result, 'badSource'), /files\[1\].*encoding must be "base64", but is "rot13"$/);
  assert.ok(!existsSync(good.path));
});
