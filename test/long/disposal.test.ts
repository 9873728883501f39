/** What takes its time at the end of a cloud's run: a Taskcluster that is gone, a host that does not want to end. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { NOT_HALTED, runOnCloud, runOnRealAddress, startOnCloud } from '../support/cloud-machine.ts';
import { NEEDS_NETWORK } from '../support/network-namespace.ts';
import { makeGate } from '../support/worker-run.ts';

/** A command that hangs has three times 30 s. */
const PATIENCE_MS = 180_000;

const UNREMOVABLE = { faults: [{ call: 'removeWorker' as const, status: 403 }] };

void suite('at the end of a run on a cloud', { concurrency: true, timeout: PATIENCE_MS }, () => {
  test('a Taskcluster that is gone is given up after a minute, and the machine ends itself', async t => {
    const gate = await makeGate(t);
    const run = await startOnCloud(t, { worker: `echo ready; ${gate.wait}; exit 3` });
    await run.says(' ready\n');
    await run.simulator.close();
    const began = performance.now();
    await gate.open();
    const { code, log } = await run.ended;
    const tookMs = performance.now() - began;
    assert.equal(code, 3, log);
    assert.ok(tookMs > 45_000 && tookMs < 75_000, `${tookMs} ms`);
    assert.match(
      log,
      /this machine was not removed: removeWorker at .* failed after \d tries in \d+ s: .*ECONNREFUSED/,
    );
    assert.ok(log.endsWith(`${NOT_HALTED}\n`), log);
  });

  test('a removal that keeps failing is given up after a minute, one that hangs too', async t => {
    const began = performance.now();
    const runs = await Promise.all([
      runOnCloud(t, { scenario: { faults: [{ call: 'removeWorker', status: 500 }] } }),
      runOnCloud(t, {
        scenario: { faults: [{ call: 'removeWorker', hang: true }] },
        config: () => ({ network: { attemptTimeout: '5m' } }),
      }),
    ]);
    const tookMs = performance.now() - began;
    assert.ok(tookMs > 45_000 && tookMs < 80_000, `${tookMs} ms`);
    for (const { code, log, removals } of runs) {
      assert.equal(code, 0, log);
      assert.ok(!removals.includes(200));
      assert.equal(log.match(/this machine was not removed: /g)?.length, 1, log);
      assert.ok(log.endsWith(`${NOT_HALTED}\n`), log);
    }
  });

  test('a report that nobody takes holds up the removal for ten seconds', async t => {
    const began = performance.now();
    const { code, log, removals } = await runOnCloud(t, {
      worker: 'exit 64',
      scenario: { faults: [{ call: 'reportWorkerError', hang: true }] },
    });
    assert.equal(code, 64, log);
    assert.deepEqual(removals, [200]);
    assert.ok(performance.now() - began < 20_000);
    assert.match(log, /warning: the worker pool could not be told of this: /);
  });

  for (const { what, command, words } of [
    {
      what: 'is missing',
      command: '/no/such/program now',
      words: /could not be started: spawn \/no\/such\/program ENOENT/,
    },
    { what: 'is refused', command: 'false', words: /failed with exit code 1/ },
    { what: 'hangs', command: 'sleep 300', words: /did not end within 30 s, and was killed/ },
  ]) {
    test(
      `a shutdownCommand that ${what} is given up after three tries, and the exit code stays`,
      { skip: NEEDS_NETWORK, timeout: PATIENCE_MS },
      async t => {
        const { code, log, halts } = await runOnRealAddress(t, {
          worker: 'exit 3',
          scenario: UNREMOVABLE,
          lifecycle: { shutdownCommand: command },
        });
        assert.equal(code, 3, log);
        assert.deepEqual(halts, []);
        assert.equal(log.match(new RegExp(words, 'g'))?.length, 3, log);
        assert.match(log, /error: this machine is kept: `/);
        assert.match(
          log,
          /error: what to do: end this machine by hand, and check lifecycle\.shutdownCommand/,
        );
      },
    );
  }
});
