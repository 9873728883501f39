/**
 * The end of a run from outside: signals while nothing answers, a log that nobody reads, a service manager that kills.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import type { ScenarioFault } from '../../src/simulator/index.ts';
import { startOnCloud, type CloudMachine } from '../support/cloud-machine.ts';
import { lastingMachine } from '../support/lasting-machine.ts';
import { programPath, startProgram } from '../support/program.ts';
import { writeScript, writeStandaloneConfig } from '../support/runner-config.ts';
import { runCommand } from '../support/shell.ts';
import { temporaryFolder } from '../support/temp.ts';
import { endRun, saysHello } from '../support/worker-run.ts';

const SHORT = { gracePeriod: '300ms', killAfter: '300ms' };
/** gracePeriod, killAfter, and 15 s. */
const BOUND_MS = 15_600;

/** Shell: goes on whatever it is told. */
const STUBBORN = `trap '' TERM\n${saysHello('graceful-termination')}\necho ready\nwhile :; do sleep 0.1; done`;

interface Phase {
  readonly doing: string;
  /** What is on its way when the signal comes; default: the worker runs. */
  readonly call?: Exclude<NonNullable<ScenarioFault['call']>, 'any'>;
  readonly worker?: string;
  readonly lease?: string;
  readonly code: number;
}

/** Shell: ends, and leaves a process that holds its output for as long as there is its folder. */
const HELD_OUTPUT = `(while [ -e "$3" ]; do sleep 0.2; done) & echo ready; exit 3`;

const PHASES: readonly Phase[] = [
  { doing: 'the metadata service is asked', call: 'metadata', code: 128 + 15 },
  { doing: 'the machine registers', call: 'registerWorker', code: 128 + 15 },
  { doing: 'secrets are asked for', call: 'getSecret', code: 128 + 15 },
  { doing: 'the worker runs', code: 128 + 9 },
  { doing: 'its credentials are renewed', call: 'reregisterWorker', lease: '25s', code: 128 + 9 },
  { doing: 'its output is held', worker: HELD_OUTPUT, code: 3 },
  { doing: 'the machine is being removed', call: 'removeWorker', worker: 'exit 3', code: 3 },
];

/** Starts a run in which a call is never answered, and resolves once it is there. */
async function startHanging(
  t: TestContext,
  { call, worker = STUBBORN, lease = '96h' }: Phase,
  machine: CloudMachine,
) {
  const run = await startOnCloud(t, {
    worker,
    scenario: { lease, faults: call === undefined ? [] : [{ call, hang: true }] },
    config: () => ({ network: { retryFor: '10m', attemptTimeout: '10m' } }),
    ...machine,
  });
  await (call === undefined ? run.says(/ ready\n/) : run.simulator.waitFor(call));
  return run;
}

void suite('SIGTERM with every service gone', { concurrency: 5 }, () => {
  for (const phase of PHASES) {
    void test(`while ${phase.doing} ends the run in its time, and the machine is kept`, async t => {
      const run = await startHanging(t, phase, { lifecycle: { ...SHORT, drainTimeout: '10m' } });
      await run.simulator.close();
      const begunMs = performance.now();
      run.kill('SIGTERM');
      const { code, log, removals } = await run.ended;
      assert.ok(performance.now() - begunMs < BOUND_MS, log);
      assert.equal(code, phase.code, log);
      assert.equal(removals.length, phase.call === 'removeWorker' ? 1 : 0);
      assert.match(log, /this machine is kept/);
    });

    void test(`while ${phase.doing}, with onSignal: remove, ends the run in its time, and the machine halts itself`, async t => {
      const run = await startHanging(t, phase, {
        lifecycle: { ...SHORT, drainTimeout: '10m', onSignal: 'remove' },
      });
      await run.simulator.close();
      const begunMs = performance.now();
      run.kill('SIGTERM');
      const { code, log } = await run.ended;
      const tookMs = performance.now() - begunMs;
      assert.ok(tookMs < BOUND_MS, `it took ${Math.round(tookMs)} ms:\n${log}`);
      assert.equal(code, phase.code, log);
      assert.match(log, /this machine would now be halted/);
    });
  }
});

void suite('a fault of start-worker itself', { concurrency: 3 }, () => {
  for (const { doing, call, worker, removed } of [
    { doing: 'the machine registers', call: 'registerWorker', worker: STUBBORN, removed: [] },
    { doing: 'secrets are asked for', call: 'getSecret', worker: STUBBORN, removed: [200] },
    { doing: 'the worker runs', call: undefined, worker: STUBBORN, removed: [200] },
  ] as const) {
    void test(`while ${doing} has an exit code of its own, and its machine is disposed of`, async t => {
      const fault = join(await temporaryFolder(t), 'fault.cjs');
      await writeFile(fault, `process.on('SIGUSR2', () => { throw new Error('thrown into the void'); });`);
      const run = await startHanging(
        t,
        { doing, worker, code: 0, ...(call === undefined ? {} : { call }) },
        { lifecycle: SHORT, env: { NODE_OPTIONS: `--require=${fault}` } },
      );
      run.kill('SIGUSR2');
      const { code, log, removals } = await run.ended;
      assert.equal(code, EXIT_CODES.internal.code, log);
      assert.match(log, /a fault of start-worker itself, please report it: Error: thrown into the void/);
      assert.deepEqual(removals, removed);
      if (removed.length === 0) assert.match(log, /this machine would now be halted/);
    });
  }
});

void suite('a log that nobody takes', { concurrency: 4 }, () => {
  void test('since its reader has gone ends neither the worker nor the run', async t => {
    const folder = await temporaryFolder(t);
    const worker = await writeScript(folder, 'worker', `seq 20000; echo done >'${folder}/done'; exit 5`);
    const config = await writeStandaloneConfig(folder, worker);
    const { stdout } = await runCommand([
      'sh',
      '-c',
      `("$0" "$1"; echo $? >"$2") 2>&1 | head -n 1`,
      programPath('start-worker'),
      config,
      join(folder, 'code'),
    ]);
    assert.match(stdout, /^[^\n]*start-worker: version [^\n]*\n$/);
    assert.equal(await readFile(join(folder, 'code'), 'utf8'), '5\n');
    assert.ok(existsSync(join(folder, 'done')));
  });

  void test('since all three streams are closed ends neither the worker nor the run', async t => {
    const folder = await temporaryFolder(t);
    const worker = await writeScript(folder, 'worker', `seq 2000; echo done >'${folder}/done'; exit 5`);
    const config = await writeStandaloneConfig(folder, worker);
    const { code } = await runCommand([
      'sh',
      '-c',
      'exec "$0" "$1" <&- >&- 2>&-',
      programPath('start-worker'),
      config,
    ]);
    assert.equal(code, 5);
    assert.ok(existsSync(join(folder, 'done')));
  });

  void test('since its reader has stopped holds up no signal', async t => {
    const folder = await temporaryFolder(t);
    const fifo = join(folder, 'log');
    execFileSync('mkfifo', [fifo]);
    // Read and write, so that it is open, and full before long.
    const stderrFd = openSync(fifo, 'r+');
    t.after(() => closeSync(stderrFd));
    const worker = await writeScript(
      folder,
      'worker',
      `${saysHello('graceful-termination')}\n(while :; do echo flooding; done) &\necho flooding >'${folder}/flooding'; wait`,
    );
    const config = await writeStandaloneConfig(folder, worker, { lifecycle: SHORT });
    const run = startProgram('start-worker', [config], { stderrFd });
    t.after(() => endRun(run));
    while (!existsSync(join(folder, 'flooding'))) await sleep(20);
    const begunMs = performance.now();
    run.kill('SIGTERM');
    const { code } = await run.exited;
    const tookMs = performance.now() - begunMs;
    assert.ok(tookMs < BOUND_MS, `it took ${Math.round(tookMs)} ms`);
    assert.equal(code, 128 + 15);
  });
});

void test('a service manager that loses patience (KillMode=mixed: SIGTERM to us, SIGKILL to all) loses nothing', async t => {
  const machine = await lastingMachine(t);
  const first = machine.start({ STUBBORN: '1' });
  await first.says('said hello');
  first.kill('SIGTERM');
  await first.says('it is asked to end, and goes on');
  first.kill('SIGKILL');
  process.kill((await machine.ledger()).at(-1)?.pid ?? NaN, 'SIGKILL');
  await first.exited;

  const second = machine.start();
  await second.says('said hello');
  second.kill('SIGTERM');
  const { code, stderr } = await second.exited;
  assert.equal(code, 67, stderr);
  assert.match(stderr, /going on as the worker that an earlier start of this machine was/);
  assert.doesNotMatch(stderr, /: error: /);
  assert.deepEqual([machine.calls('registerWorker').length, machine.calls('removeWorker').length], [1, 0]);
  assert.deepEqual((await readdir(machine.folder)).sort(), [
    'cache.json',
    'runner.yml',
    'shutdown',
    'worker.json',
    'worker.json.ledger',
  ]);
});

void test('SIGTERM while a slow worker-manager registers the machine loses no registration: the next start goes on', async t => {
  const faults: ScenarioFault[] = [{ call: 'registerWorker', delay: '1s', times: 1 }];
  const machine = await lastingMachine(t, { scenario: { faults } });
  const first = machine.start();
  await machine.simulator.waitFor('registerWorker');
  first.kill('SIGTERM');
  const { code, stderr } = await first.exited;
  assert.equal(code, 128 + 15, stderr);
  assert.match(stderr, /SIGTERM: the registration that is under way has 5 s to end[^]*: registered/);
  assert.doesNotMatch(stderr, /: error: /);

  const second = machine.start();
  await second.says('said hello');
  second.kill('SIGTERM');
  await second.exited;
  assert.deepEqual([machine.calls('registerWorker').length, await machine.halts()], [1, '']);
});
