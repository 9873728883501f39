/** Workers that misbehave: they close their streams, do not read, do not end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fixture } from '../support/runner-config.ts';
import { helloLine, makeGate, runWorker, saysHello, startWorkerRun, writes } from '../support/worker-run.ts';

const node = (name: string) => `exec node '${fixture(name)}'`;

void test('a worker that ends before it reads welcome is no fault of the runner', async t => {
  const { code, lines } = await runWorker(t, 'exec <&-; exit 4');
  assert.equal(code, 4);
  assert.deepEqual(lines, []);
});

void test('a worker that closes its stdin lives on, and SIGTERM reaches it as a signal', async t => {
  const runner = await startWorkerRun(t, node('worker-closes-stdin.mjs'));
  await runner.says(/ ready\n/);
  runner.kill('SIGTERM');
  const { code, stderr } = await runner.exited;
  assert.equal(code, 128 + 15);
  assert.match(
    stderr,
    /graceful-termination did not reach the worker: it closed its stdin[^]*it was sent SIGTERM/,
  );
});

void test('a worker that closes its stdout lives on, and can still be asked to end', async t => {
  const runner = await startWorkerRun(t, node('worker-closes-stdout.mjs'));
  await runner.says('last words');
  runner.kill('SIGTERM');
  assert.equal((await runner.exited).code, 0);
});

void test('a worker that closes both its stdout and its stderr is still waited for', async t => {
  const gate = await makeGate(t);
  const runner = await startWorkerRun(t, `echo closing; exec >&- 2>&-\n${gate.wait}\nexit 7`);
  await runner.says('closing');
  await gate.open();
  assert.equal((await runner.exited).code, 7);
});

void test('a worker that never reads its stdin is ended by the second signal', async t => {
  const runner = await startWorkerRun(t, node('worker-never-reads.mjs'));
  await runner.says('said hello');
  runner.kill('SIGTERM');
  await runner.says('SIGTERM: asking');
  runner.kill('SIGTERM');
  assert.equal((await runner.exited).code, 128 + 15);
});

void test('a worker that ignores SIGTERM is killed by the third signal', async t => {
  const runner = await startWorkerRun(t, node('worker-ignores-sigterm.mjs'));
  await runner.says(/ ready\n/);
  runner.kill('SIGTERM');
  await runner.says('SIGTERM is ignored');
  runner.kill('SIGTERM');
  await runner.says(/is ignored[^]*is ignored/);
  runner.kill('SIGTERM');
  assert.equal((await runner.exited).code, 128 + 9);
});

void test('a grandchild that goes on writing does not hold up the end, and its words until then are in the log', async t => {
  const { code, log } = await runWorker(
    t,
    `while echo chatter; do sleep 0.01; done & echo last words; exit 3`,
    { lifecycle: { drainTimeout: '2s' } },
  );
  assert.equal(code, 3);
  assert.match(log, /last words[^]*chatter[^]*still holds its output[^]*exited with code 3\n/);
});

void test('what a worker writes after hello and before its end is there although it ends at once', async t => {
  const { lines } = await runWorker(
    t,
    `${writes('~{"type":"hello","capabilities":[]}', 'text')}\nkill -9 $$`,
  );
  assert.deepEqual(lines, [helloLine(), 'text']);
});

void test('a stopped and continued worker is not lost', async t => {
  const runner = await startWorkerRun(
    t,
    `${saysHello('graceful-termination')}\necho "pid $$."; read -r welcome; read -r asked; exit 8`,
  );
  await runner.says(/pid \d+\./);
  const pid = Number(/pid (\d+)\./.exec(runner.stderr)?.[1]);
  process.kill(pid, 'SIGSTOP');
  runner.kill('SIGTERM');
  await runner.says('SIGTERM: asking');
  process.kill(pid, 'SIGCONT');
  assert.equal((await runner.exited).code, 8);
});
