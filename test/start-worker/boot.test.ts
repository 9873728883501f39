import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Simulator } from '../../src/simulator/index.ts';
import { runProgram, type ProgramResult } from '../support/program.ts';
import { genericWorker, staticProvider, writeRunnerConfig, writeScript } from '../support/runner-config.ts';
import { simulate, WORKER } from '../support/simulator.ts';
import { temporaryFolder } from '../support/temp.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

void test('a static machine registers, gets its secret and files, and its worker is started with the merged configuration', async t => {
  const folder = await temporaryFolder(t);
  const simulator = await simulate(t, {
    workerPools: {
      [WORKER.workerPoolId]: {
        workerConfig: {
          genericWorker: {
            config: { fromPool: true, list: [2], deep: { pool: 1, both: 'pool' } },
            files: [
              { path: join(folder, 'tool'), content: base64('tool'), encoding: 'base64', format: 'file' },
            ],
          },
        },
      },
    },
    secrets: {
      [`worker-type:${WORKER.workerPoolId}`]: { list: [3], deep: { both: 'old secret' }, legacy: 'flat' },
      [`worker-pool:${WORKER.workerPoolId}`]: {
        config: { list: [4], deep: { both: 'secret' }, clientId: 'a source has no say in this' },
        files: [{ path: join(folder, 'key'), content: base64('key'), encoding: 'base64', format: 'file' }],
      },
    },
  });
  // The worker keeps the configuration that it was started with.
  const worker = await writeScript(
    folder,
    'worker',
    `echo "$@" >'${folder}/args'; cp "$3" '${folder}/seen.json'`,
  );
  const config = await writeRunnerConfig(folder, {
    provider: {
      ...staticProvider(`${simulator.rootUrl}/`),
      providerMetadata: { 'instance-type': 'desk', owner: 'me' },
      workerLocation: { rack: '7' },
    },
    worker: genericWorker(folder, worker),
    workerConfig: { list: [1], deep: { runner: 1, both: 'runner' }, workerTypeMetadata: { room: 'attic' } },
  });

  const { code, stdout, stderr } = await runProgram('start-worker', [config]);
  assert.equal(code, 0, stderr);
  assert.equal(stdout, '');

  const registration = simulator.requests.find(({ call }) => call === 'registerWorker');
  const { systemBootTime, ...body } = registration?.payload as Record<string, unknown>;
  const { staticSecret, ...identity } = WORKER;
  assert.deepEqual(body, { ...identity, workerIdentityProof: { staticSecret } });
  assert.ok(Date.parse(String(systemBootTime)) < Date.now());

  const seen = JSON.parse(await readFile(join(folder, 'seen.json'), 'utf8')) as Record<string, unknown>;
  const { clientId, accessToken, certificate, ...rest } = seen;
  assert.match(String(clientId), /^worker\//);
  assert.ok(String(accessToken).length >= 22);
  assert.ok(certificate === undefined || typeof certificate === 'string');
  assert.deepEqual(rest, {
    list: [1, 2, 3, 4],
    deep: { runner: 1, pool: 1, both: 'secret' },
    fromPool: true,
    legacy: 'flat',
    workerTypeMetadata: { room: 'attic', 'instance-type': 'desk', owner: 'me' },
    instanceType: 'desk',
    workerLocation: '{"cloud":"static","rack":"7"}',
    rootURL: simulator.rootUrl,
    workerGroup: WORKER.workerGroup,
    workerId: WORKER.workerId,
    provisionerId: 'demo',
    workerType: 'laptop',
  });
  assert.equal(
    await readFile(join(folder, 'args'), 'utf8'),
    `run --config ${folder}/worker.json --with-worker-runner\n`,
  );

  assert.equal(await readFile(join(folder, 'tool'), 'utf8'), 'tool');
  assert.equal((await stat(join(folder, 'tool'))).mode & 0o777, 0o755);
  assert.equal(await readFile(join(folder, 'key'), 'utf8'), 'key');
  assert.equal((await stat(join(folder, 'key'))).mode & 0o777, 0o600);
  for (const secret of [staticSecret, String(accessToken), base64('key')]) {
    assert.ok(!stderr.includes(secret), 'a secret is in the log');
  }
});

void test('the worker config is private even where an older file was not', async t => {
  const folder = await temporaryFolder(t);
  const simulator = await simulate(t);
  await writeFile(join(folder, 'worker.json'), '{}', { mode: 0o666 });
  const worker = await writeScript(folder, 'worker', 'true');
  const config = await writeRunnerConfig(folder, {
    provider: staticProvider(simulator.rootUrl),
    worker: genericWorker(folder, worker),
  });
  assert.equal((await runProgram('start-worker', [config])).code, 0);
  assert.equal((await stat(join(folder, 'worker.json'))).mode & 0o777, 0o600);
});

/** Boots a static machine whose worker ends at once, with more keys in its runner config. */
async function bootStatic(
  t: TestContext,
  more: object,
): Promise<{ readonly result: ProgramResult; readonly simulator: Simulator }> {
  const folder = await temporaryFolder(t);
  const simulator = await simulate(t);
  const worker = await writeScript(folder, 'worker', 'true');
  const config = await writeRunnerConfig(folder, {
    provider: staticProvider(simulator.rootUrl),
    worker: genericWorker(folder, worker),
    ...more,
  });
  return { result: await runProgram('start-worker', [config]), simulator };
}

void test('cacheOverRestarts is warned of once, and the run goes on', async t => {
  const { result } = await bootStatic(t, { cacheOverRestarts: 'state.json' });
  assert.equal(result.code, 0);
  assert.equal(result.stderr.match(/cacheOverRestarts/g)?.length, 1);
});

void test('with getSecrets: false the secrets service is not asked', async t => {
  const { result, simulator } = await bootStatic(t, { getSecrets: false });
  assert.equal(result.code, 0);
  assert.deepEqual(
    simulator.requests.map(({ call }) => call),
    ['registerWorker'],
  );
});

void test("a standalone machine's own credentials fetch its secrets", async t => {
  const folder = await temporaryFolder(t);
  const simulator = await simulate(t, {
    clients: [
      { clientId: 'me', accessToken: 'my-own-access-token-of-22-and-more', scopes: ['secrets:get:*'] },
    ],
    secrets: { 'worker-pool:demo/laptop': { config: { key: 'from the secret' } } },
  });
  const worker = await writeScript(folder, 'worker', `cp "$3" '${folder}/seen.json'`);
  const config = await writeRunnerConfig(folder, {
    provider: {
      providerType: 'standalone',
      rootURL: simulator.rootUrl,
      clientID: 'me',
      accessToken: 'my-own-access-token-of-22-and-more',
      workerPoolID: 'demo/laptop',
      workerGroup: 'g',
      workerID: 'w',
    },
    worker: genericWorker(folder, worker),
  });
  const { code, stderr } = await runProgram('start-worker', [config]);
  assert.equal(code, 0, stderr);
  const seen = JSON.parse(await readFile(join(folder, 'seen.json'), 'utf8')) as Record<string, unknown>;
  assert.equal(seen.key, 'from the secret');
  assert.equal(seen.clientId, 'me');
  assert.deepEqual(simulator.requests.map(({ call }) => call).sort(), ['getSecret', 'getSecret']);
});
