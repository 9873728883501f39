/** What the worker's `shutdown` and the signals of others mean for a cloud's machine; here it is never halted. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { NOT_HALTED, startOnCloud } from '../support/cloud-machine.ts';
import { ASKS_FOR_SHUTDOWN, makeGate, saysHello } from '../support/worker-run.ts';

const TOGETHER = { concurrency: 4 };

void suite('a signal keeps the machine', TOGETHER, () => {
  void test('during the boot', async t => {
    const run = await startOnCloud(t, { scenario: { faults: [{ call: 'registerWorker', hang: true }] } });
    await run.simulator.waitFor('registerWorker');
    run.kill('SIGTERM');
    const { code, log, removals } = await run.ended;
    assert.equal(code, 143, log);
    assert.deepEqual(removals, []);
    assert.match(log, /this machine is kept: a signal asked for the end of the run\n$/);
  });

  void test('while the worker runs', async t => {
    const run = await startOnCloud(t, {
      worker: `trap 'exit 9' TERM\n${saysHello()}\nwhile :; do sleep 0.02; done`,
    });
    await run.says('the worker said hello');
    run.kill('SIGTERM');
    const { code, log, removals } = await run.ended;
    assert.equal(code, 9, log);
    assert.deepEqual(removals, []);
    assert.match(log, /this machine is kept: a signal asked for the end of the run\n$/);
  });

  void test('during the removal', async t => {
    const run = await startOnCloud(t, {
      worker: 'exit 4',
      scenario: { faults: [{ call: 'removeWorker', hang: true }] },
    });
    await run.simulator.waitFor('removeWorker');
    run.kill('SIGINT');
    const { code, log, removals, halts } = await run.ended;
    assert.equal(code, 4, log);
    assert.deepEqual([removals.length, halts], [1, []]);
    assert.match(
      log,
      /start-worker: SIGINT: this machine is kept as it is; but its removal was asked for before\n$/,
    );
    assert.doesNotMatch(log, /was not removed/);
  });

  void test('after the worker has asked for its end, as far as that is possible', async t => {
    const run = await startOnCloud(t, { worker: `${ASKS_FOR_SHUTDOWN}\nexec sleep 60` });
    await run.says('removeWorker was accepted');
    run.kill('SIGTERM');
    run.kill('SIGTERM');
    const { log, removals } = await run.ended;
    assert.deepEqual(removals, [200]);
    assert.match(
      log,
      /is kept: a signal asked for the end of the run; but its removal was accepted before\n$/,
    );
  });
});

void suite('the worker’s shutdown', TOGETHER, () => {
  void test('removes the machine while its lines are read, and its end asks for nothing again', async t => {
    const gate = await makeGate(t);
    const run = await startOnCloud(t, {
      worker: `${ASKS_FOR_SHUTDOWN}\n${gate.wait}; echo still read; exit 0`,
    });
    await run.says('removeWorker was accepted');
    await gate.open();
    const { code, log, removals } = await run.ended;
    assert.equal(code, 0, log);
    assert.deepEqual(removals, [200]);
    assert.match(
      log,
      /removing this machine: the worker asked for it\n[^]* still read\n[^]*the worker exited with code 0\n$/,
    );
  });

  void test('is given up where the worker ends by 67 meanwhile, and the log says that it may be late for that', async t => {
    const gate = await makeGate(t);
    const run = await startOnCloud(t, {
      worker: `${ASKS_FOR_SHUTDOWN}\n${gate.wait}; exit 67`,
      scenario: { faults: [{ call: 'removeWorker', hang: true }] },
    });
    await run.simulator.waitFor('removeWorker');
    await gate.open();
    const { code, log, removals } = await run.ended;
    assert.equal(code, 67, log);
    assert.equal(removals.length, 1);
    assert.match(
      log,
      /is kept: the worker exited with code 67 \(lifecycle\.onExit\); but its removal was asked for before\n$/,
    );
  });

  void test('that is refused would halt the machine at once, once', async t => {
    const gate = await makeGate(t);
    const run = await startOnCloud(t, {
      worker: `${ASKS_FOR_SHUTDOWN}\n${gate.wait}; exit 5`,
      scenario: { faults: [{ call: 'removeWorker', status: 403 }] },
    });
    await run.says(NOT_HALTED);
    await gate.open();
    const { code, log, halts, removals } = await run.ended;
    assert.equal(code, 5, log);
    assert.deepEqual([halts, removals], [[], [403]]);
    assert.equal(log.split(NOT_HALTED).length, 2, log);
  });
});
