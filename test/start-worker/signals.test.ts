/** SIGTERM and SIGINT, told with short settings. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startOnCloud } from '../support/cloud-machine.ts';
import { saysHello, startWorkerRun } from '../support/worker-run.ts';

/** Shell: goes on whatever it is told, and says so. Its child is in its group. */
const STUBBORN = `trap 'echo not yet' TERM\n${saysHello('graceful-termination')}\necho ready\nwhile :; do sleep 0.1; done`;
const SHORT = { lifecycle: { gracePeriod: '300ms', killAfter: '3s' } };

void test('a worker that ignores all it is told is killed, and the exit code says so', async t => {
  const runner = await startWorkerRun(t, STUBBORN, SHORT);
  await runner.says('ready\n');
  runner.kill('SIGTERM');
  const { code, stderr } = await runner.exited;
  assert.equal(code, 128 + 9);
  assert.match(
    stderr,
    /asking the worker[^]*not ended within lifecycle\.gracePeriod \(0\.3 s\)[^]*was sent SIGTERM[^]*not yet[^]*killing it/,
  );
});

void test('lifecycle.finishTasks: false asks the worker to leave its tasks', async t => {
  const worker = `read -r welcome\n${saysHello('graceful-termination')}\necho ready\nread -r asked; echo "asked: $asked"`;
  const runner = await startWorkerRun(t, worker, { lifecycle: { finishTasks: false } });
  await runner.says('ready\n');
  runner.kill('SIGINT');
  const { code, stderr } = await runner.exited;
  assert.equal(code, 0);
  assert.match(stderr, /asked: ~\{"type":"graceful-termination","finish-tasks":false\}/);
});

void test('SIGTERM reaches the worker’s process alone: its children finish its work', async t => {
  const worker = `(trap 'echo child was hit' TERM; sleep 0.5; echo child is done) &
trap 'exit 3' TERM\n${saysHello()}\necho ready\nwhile :; do sleep 0.1; done`;
  const runner = await startWorkerRun(t, worker, { lifecycle: { gracePeriod: '5s', killAfter: '100ms' } });
  await runner.says('ready\n');
  runner.kill('SIGTERM');
  const { code, stderr } = await runner.exited;
  assert.equal(code, 3);
  assert.match(stderr, /child is done/);
  assert.doesNotMatch(stderr, /child was hit/);
});

void test('with onSignal: remove a worker that SIGTERM ended is removed', async t => {
  const run = await startOnCloud(t, {
    worker: `${saysHello()}\necho ready\nexec sleep 300`,
    lifecycle: { onSignal: 'remove' },
  });
  await run.says('ready\n');
  run.kill('SIGTERM');
  const { code, log, removals, halts } = await run.ended;
  assert.equal(code, 128 + 15, log);
  assert.deepEqual(removals, [200]);
  assert.deepEqual(halts, []);
});

void test('without it the machine is kept', async t => {
  const run = await startOnCloud(t, { worker: `${saysHello()}\necho ready\nexec sleep 300` });
  await run.says('ready\n');
  run.kill('SIGTERM');
  const { removals, halts } = await run.ended;
  assert.deepEqual([removals, halts], [[], []]);
});

for (const call of ['metadata', 'registerWorker', 'getSecret'] as const) {
  void test(`a signal while ${call} is waited for ends the boot, and no worker is started`, async t => {
    const isRegistered = call === 'getSecret';
    for (const [onSignal, removed] of [
      ['keep', []],
      ['remove', isRegistered ? [200] : []],
    ] as const) {
      const run = await startOnCloud(t, {
        worker: 'echo started',
        scenario: { faults: [{ call, hang: true }] },
        lifecycle: { onSignal },
      });
      await run.simulator.waitFor(call);
      run.kill('SIGTERM');
      const { code, log, removals, halts } = await run.ended;
      assert.equal(code, 128 + 15, log);
      assert.deepEqual([removals, halts], [removed, []], log);
      assert.doesNotMatch(log, /\bstarted\n/);
    }
  });
}
