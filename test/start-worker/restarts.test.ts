/** Starts of one machine after the other: what cacheOverRestarts keeps, and what becomes of it. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { fileEntry, poolWith } from '../support/boot-with-sources.ts';
import { assertNoSecrets } from '../support/boot.ts';
import { STANDALONE_PROVIDER } from '../support/runner-config.ts';
import { MACHINES } from '../support/simulator.ts';
import { temporaryFolder } from '../support/temp.ts';
import {
  changeKept,
  referenceCache,
  restartingMachine,
  type RestartingMachine,
  type RestartingOptions,
  type Start,
} from '../support/restarting-machine.ts';

const POOL = MACHINES.aws.workerPoolId;
const HUSH = 'a-secret-of-the-test-that-nobody-sees';
const ASKED_ONCE_MORE = 'nobody has said in time which instance this is';
const INSTANCE = 'i-0123456789abcdef0';

/** A pool and a secret that both set a list, and files; what was written before is written again by nobody. */
async function machineWithSources(
  t: TestContext,
  { scenario = {}, ...options }: RestartingOptions = {},
): Promise<RestartingMachine & { readonly written: string }> {
  const files = await temporaryFolder(t);
  const written = join(files, 'from-pool');
  const machine = await restartingMachine(t, {
    ...options,
    scenario: {
      workerPools: {
        [POOL]: {
          workerConfig: {
            genericWorker: { config: { list: [2] }, files: [fileEntry(written, 'from the pool')] },
          },
        },
      },
      secrets: { [`worker-pool:${POOL}`]: { config: { list: [3], apiToken: HUSH } } },
      ...scenario,
    },
    config: { workerConfig: { list: [1] }, ...options.config },
  });
  return { ...machine, written };
}

function assertResumed({ code, log, calls, workerConfig }: Start): void {
  assert.equal(code, 67, log);
  assert.deepEqual(calls, []);
  assert.ok(workerConfig !== undefined, log);
  assert.match(log, /going on as the worker that an earlier start of this machine was/);
  assert.doesNotMatch(log, /: (warning|error): (?!the worker exited with code 67)/);
}

function assertBegunAnew({ code, log, calls }: Start): void {
  assert.equal(code, 67, log);
  assert.ok(calls.includes('registerWorker 200'), log);
  assert.doesNotMatch(log, /going on as/);
}

void suite('a machine that is started again', { concurrency: 3 }, () => {
  for (const cloud of ['aws', 'azure', 'google'] as const) {
    void test(`of ${cloud} goes on as the same worker, and asks no service`, async t => {
      const machine = await restartingMachine(t, { cloud });
      const first = await machine.start();
      assert.equal(first.code, 67, first.log);
      assert.equal((await stat(machine.cache)).mode & 0o777, 0o600);
      const second = await machine.start();
      assertResumed(second);
      assert.deepEqual(second.workerConfig, first.workerConfig);
      assert.ok(!second.log.includes(ASKED_ONCE_MORE), second.log);
    });
  }

  void test('writes no files again', async t => {
    const machine = await machineWithSources(t);
    await machine.start();
    await writeFile(machine.written, 'changed by the worker');
    assertResumed(await machine.start());
    assert.equal(await readFile(machine.written, 'utf8'), 'changed by the worker');
  });

  void test('gives its worker the same lists at each of five starts', async t => {
    const machine = await machineWithSources(t);
    for (let start = 1; start <= 5; start += 1) {
      const { workerConfig, log } = await machine.start();
      assert.deepEqual(workerConfig?.list, [1, 2, 3], log);
      assertNoSecrets(log, HUSH, workerConfig.accessToken as string);
    }
  });

  void test('renders afresh with the runner config of that start', async t => {
    const machine = await machineWithSources(t);
    await machine.start();
    const other = await machine.start({ workerConfig: { list: [7], fromRunner: true } });
    assertResumed(other);
    assert.deepEqual(other.workerConfig?.list, [7, 2, 3]);
    assert.equal(other.workerConfig.fromRunner, true);
    const without = await machine.start({ getSecrets: false });
    assert.deepEqual(without.workerConfig?.list, [1, 2]);
  });

  void test('goes on with secrets and files where the first start came only to the registration', async t => {
    const machine = await machineWithSources(t, { config: { lifecycle: { onFailure: { action: 'keep' } } } });
    machine.simulator.setFaults([{ call: 'getSecret', status: 500 }]);
    const first = await machine.start();
    assert.equal(first.code, EXIT_CODES.unreachable.code, first.log);
    assert.equal((await machine.kept()).phase, 'registered');
    machine.simulator.setFaults([]);
    const second = await machine.start();
    assert.deepEqual([...second.calls].sort(), ['getSecret 200', 'getSecret 404']);
    assert.deepEqual(second.workerConfig?.list, [1, 2, 3]);
    assert.equal(await readFile(machine.written, 'utf8'), 'from the pool');
    assertResumed(await machine.start());
  });

  void test('has kept nothing as ready where its files could not be written', async t => {
    const machine = await restartingMachine(t, {
      scenario: { workerPools: { [POOL]: { workerConfig: poolWith(fileEntry('/proc/no/such', 'x')) } } },
      config: { lifecycle: { onFailure: { action: 'keep' } } },
    });
    for (const calls of [4, 3]) {
      const start = await machine.start();
      assert.equal(start.code, EXIT_CODES.files.code, start.log);
      // With the report to the pool.
      assert.equal(start.calls.length, calls, start.calls.join());
      assert.equal((await machine.kept()).phase, 'registered');
    }
  });

  void test('has nothing left to go on with once its worker was removed', async t => {
    const machine = await restartingMachine(t, { config: { lifecycle: { onExit: { 67: 'remove' } } } });
    const { calls, log } = await machine.start();
    assert.ok(calls.includes('removeWorker 200'), log);
    assert.ok(!existsSync(machine.cache));
  });

  void test('keeps its registration where the dummy worker shows the state', async t => {
    const machine = await restartingMachine(t, { config: { worker: { implementation: 'dummy' } } });
    assert.equal((await machine.start()).code, 0);
    assert.equal((await machine.kept()).phase, 'registered');
    const second = await machine.start();
    assert.equal(second.code, 0, second.log);
    assert.ok(!second.calls.some(call => call.startsWith('registerWorker')), second.calls.join());
  });

  void test('of a copied disk registers as itself', async t => {
    const machine = await restartingMachine(t);
    await machine.start();
    await changeKept(machine, { instance: 'i-00000000000000001' });
    const copy = await restartingMachine(t);
    await writeFile(copy.cache, await readFile(machine.cache), { mode: 0o600 });
    const start = await copy.start();
    assertBegunAnew(start);
    assert.equal(start.warnings.filter(line => line.includes('is of another machine')).length, 1);
    assert.ok(existsSync(`${copy.cache}.other`));
    assertResumed(await copy.start());
  });

  void test('of another provider registers as itself', async t => {
    const machine = await restartingMachine(t);
    await writeFile(
      machine.cache,
      JSON.stringify(
        referenceCache(machine.simulator.rootUrl, 'google', {
          workerGroup: 'us-central1-a',
          workerId: '45',
          metadata: {},
        }),
      ),
      { mode: 0o600 },
    );
    const start = await machine.start();
    assertBegunAnew(start);
    assert.match(start.log, /is of the provider google, not of aws/);
  });

  for (const [what, text] of [
    ['an empty', ''],
    ['a torn', '{"version":1,"phase":'],
    ['a newer', '{"version":7}'],
  ] as const) {
    void test(`sets ${what} file aside and begins anew, and goes on from there`, async t => {
      const machine = await restartingMachine(t);
      await writeFile(machine.cache, text, { mode: 0o600 });
      const start = await machine.start();
      assertBegunAnew(start);
      assert.equal(await readFile(`${machine.cache}.bad`, 'utf8'), text);
      assertResumed(await machine.start());
    });
  }

  void test('tightens a file that others can read, with one warning', async t => {
    const machine = await restartingMachine(t);
    await machine.start();
    await chmod(machine.cache, 0o644);
    const { code, warnings } = await machine.start();
    assert.equal(code, 67);
    assert.equal(warnings.filter(line => line.includes('other users could read')).length, 1);
    assert.equal((await stat(machine.cache)).mode & 0o777, 0o600);
  });

  void test("goes on with the reference's file, and its arrays do not double", async t => {
    const machine = await machineWithSources(t);
    const metadata = { 'instance-id': INSTANCE, 'instance-type': 'm5.large', region: 'us-east-1' };
    const file = referenceCache(machine.simulator.rootUrl, 'aws', {
      workerGroup: 'us-east-1',
      workerId: INSTANCE,
      metadata,
    });
    await writeFile(machine.cache, JSON.stringify(file), { mode: 0o600 });
    for (const start of [await machine.start(), await machine.start()]) {
      assertResumed(start);
      assert.deepEqual(start.workerConfig?.list, [1, 2]);
      assert.equal(start.workerConfig.fromPool, true);
      assert.equal(start.workerConfig.accessToken, 'access-token-of-the-reference');
      assert.equal(start.workerConfig.instanceType, 'm5.large');
      assertNoSecrets(
        start.log,
        'access-token-of-the-reference',
        'an-older-token-of-the-reference',
        'registration-secret-of-the-reference',
      );
    }
  });

  void test('trusts its file where the metadata service is silent, after two seconds', async t => {
    const machine = await restartingMachine(t);
    await machine.start();
    machine.simulator.happen('metadata hanging');
    const begunMs = performance.now();
    const start = await machine.start();
    assertResumed(start);
    assert.ok(start.log.includes(`${ASKED_ONCE_MORE}: it is taken for ${INSTANCE}`), start.log);
    // Also the first look for interruptions is waited for, a second.
    assert.ok(performance.now() - begunMs < 30_000);
  });

  void test('is disposed of where its credentials have ended meanwhile', async t => {
    const machine = await restartingMachine(t);
    await machine.start();
    const kept = await machine.kept();
    const registered = kept.registered as object;
    await changeKept(machine, {
      registered: { ...registered, credentialsExpireAt: '2026-01-01T00:00:00.000Z' },
    });
    const start = await machine.start();
    assert.equal(start.code, EXIT_CODES.expired.code, start.log);
    assert.equal(start.workerConfig, undefined);
    assert.match(start.log, /error: the credentials .* ended at 2026-01-01T00:00:00.000Z/);
    assert.deepEqual(start.calls, ['ping 200', 'removeWorker 200']);
  });

  void test('is not disposed of because its own clock is a day ahead', async t => {
    const machine = await restartingMachine(t, { scenario: { faults: [{ call: 'ping', clock: '-120h' }] } });
    await machine.start();
    const registered = (await machine.kept()).registered as object;
    const expireAt = new Date(Date.now() - 3_600_000).toISOString();
    await changeKept(machine, { registered: { ...registered, credentialsExpireAt: expireAt } });
    const start = await machine.start();
    assert.equal(start.code, 67, start.log);
    assert.equal(start.calls[0], 'ping 200');
    assert.match(start.log, /our clock is .* ahead of the service's: the kept credentials are good until/);
  });

  void test('begins anew, and says why, where the cache cannot be written', async t => {
    const machine = await restartingMachine(t, { config: { cacheOverRestarts: '/proc/cache.json' } });
    const start = await machine.start();
    assert.equal(start.code, EXIT_CODES.files.code, start.log);
    assert.match(start.log, /error: cannot write cacheOverRestarts \/proc\/cache.json: /);
    // It is registered, and can never be again.
    assert.ok(start.calls.includes('removeWorker 200'), start.calls.join());
  });
});

void suite('a standalone machine that is started again', { concurrency: 3 }, () => {
  const own = (rootUrl: string, changes: object = {}) => ({
    provider: { ...STANDALONE_PROVIDER, rootURL: rootUrl, ...changes },
    lifecycle: {},
  });
  const client = { clientId: STANDALONE_PROVIDER.clientID, accessToken: STANDALONE_PROVIDER.accessToken };
  const secrets = { [`worker-pool:${STANDALONE_PROVIDER.workerPoolID}`]: { config: { apiToken: HUSH } } };
  const scenario = { clients: [{ ...client, scopes: ['secrets:get:*'] }], secrets };

  void test('has its secrets from the first start, and its credentials from the runner config', async t => {
    const machine = await restartingMachine(t, { scenario });
    const { rootUrl } = machine.simulator;
    const first = await machine.start(own(rootUrl));
    assert.deepEqual([...first.calls].sort(), ['getSecret 200', 'getSecret 404'], first.log);
    const accessToken = 'another-access-token';
    const second = await machine.start(own(rootUrl, { accessToken }));
    assertResumed(second);
    assert.deepEqual(second.workerConfig, { ...first.workerConfig, accessToken });
    assertNoSecrets(second.log, HUSH, accessToken);
  });

  void test('begins anew where its runner config names another worker', async t => {
    const machine = await restartingMachine(t, { scenario });
    const { rootUrl } = machine.simulator;
    await machine.start(own(rootUrl));
    const other = await machine.start(own(rootUrl, { workerID: 'laptop-2' }));
    assert.equal(other.workerConfig?.workerId, 'laptop-2', other.log);
    assert.equal(other.calls.length, 2);
    assert.match(other.log, /is of another machine, demo\/laptop\/my-desk\/laptop-1 of http/);
    assert.ok(existsSync(`${machine.cache}.other`));
  });
});

void test('a static machine registers at each start, with one line about the cache', async t => {
  const machine = await restartingMachine(t);
  const provider = {
    providerType: 'static',
    rootURL: machine.simulator.rootUrl,
    providerID: 'static-demo',
    workerPoolID: 'demo/laptop',
    workerGroup: 'my-desk',
    workerID: 'laptop-1',
    staticSecret: 'test-test-test-test-test-test-test-test-test',
  };
  machine.simulator.addWorker({
    workerPoolId: provider.workerPoolID,
    providerId: provider.providerID,
    workerGroup: provider.workerGroup,
    workerId: provider.workerID,
    staticSecret: provider.staticSecret,
  });
  for (const start of [await machine.start({ provider }), await machine.start({ provider })]) {
    assert.equal(start.code, 67, start.log);
    assert.ok(start.calls.includes('registerWorker 200'));
    const lines = start.log.split('\n').filter(line => line.includes('cacheOverRestarts'));
    assert.equal(lines.length, 1, start.log);
    assert.match(lines[0] ?? '', /cacheOverRestarts does nothing with the provider static/);
  }
  assert.ok(!existsSync(machine.cache));
});
