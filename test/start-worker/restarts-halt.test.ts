/** What becomes of a machine that cannot go on as the worker that it was: its metadata service is on its real address. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { runOnRealAddress } from '../support/cloud-machine.ts';
import { NEEDS_NETWORK } from '../support/network-namespace.ts';
import { referenceCache } from '../support/restarting-machine.ts';

const INSTANCE = { workerGroup: 'us-east-1', workerId: 'i-0123456789abcdef0', metadata: {} };
/** In the namespace any port is free. */
const PORT = 8090;
const HALTED = ['halt-it --now'];

async function startWith(t: TestContext, changes: object) {
  let cache = '';
  const fate = await runOnRealAddress(t, {
    scenario: { port: PORT },
    worker: 'exit 3',
    config(folder) {
      cache = join(folder, 'cache.json');
      const file = { ...referenceCache(`http://127.0.0.1:${PORT}`, 'aws', INSTANCE), ...changes };
      writeFileSync(cache, JSON.stringify(file), { mode: 0o600 });
      return { cacheOverRestarts: cache };
    },
  });
  return { ...fate, kept: existsSync(cache) };
}

void suite('a machine with the file of an earlier start', { concurrency: 2, skip: NEEDS_NETWORK }, () => {
  void test('is halted at once where its credentials have ended: they can sign no removal', async t => {
    const { code, log, removals, halts, kept } = await startWith(t, {
      CredentialsExpire: '2026-01-01T00:00:00Z',
    });
    assert.equal(code, EXIT_CODES.expired.code, log);
    assert.deepEqual(removals, []);
    assert.deepEqual(halts, HALTED);
    assert.ok(kept);
  });

  void test('is halted where its worker has ended and removeWorker refuses, as any worker of a cloud', async t => {
    const { code, log, halts } = await startWith(t, {});
    assert.equal(code, 3, log);
    assert.deepEqual(halts, HALTED);
  });
});
