/** The machine's clock is set forward and back by a day: at boot, while the worker runs, and between two starts. */
import assert from 'node:assert/strict';
import { suite, test, type TestContext } from 'node:test';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { startOnRealAddress } from '../support/cloud-machine.ts';
import { fakedClock, type FakedClock, NEEDS_FAKETIME } from '../support/faked-clock.ts';
import { lastingMachine, type LastingMachine, type LastingOptions } from '../support/lasting-machine.ts';
import { NEEDS_NETWORK } from '../support/network-namespace.ts';
import type { RunningProgram } from '../support/program.ts';

const JUMPS = [
  ['ahead', '+1d'],
  ['back', '-1d'],
] as const;
const GREETED = 'the worker said hello';
const OFF = /\(401 AuthenticationFailed\).*; our clock is 24 h (ahead of|behind) the service's/;

async function machineWithClock(
  t: TestContext,
  options: LastingOptions = {},
): Promise<{ readonly machine: LastingMachine; readonly clock: FakedClock }> {
  const [machine, clock] = await Promise.all([
    lastingMachine(t, { config: { network: { retryFor: '20s', attemptTimeout: '3s' } }, ...options }),
    fakedClock(t),
  ]);
  return { machine, clock };
}

function statusesOf(machine: LastingMachine, call: Parameters<LastingMachine['calls']>[0]) {
  return machine.calls(call).map(({ status }) => status);
}

/** The worker ends with 67, and nothing is asked of the machine. */
async function assertKept(machine: LastingMachine, program: RunningProgram): Promise<string> {
  const { code, stderr } = await program.exited;
  assert.equal(code, 67, stderr);
  assert.doesNotMatch(stderr, /: error: /);
  assert.equal(machine.calls('registerWorker').length, 1);
  assert.equal(machine.calls('removeWorker').length, 0);
  return stderr;
}

void suite('a clock that is wrong by a day', { concurrency: 8, skip: NEEDS_FAKETIME }, () => {
  for (const [direction, offset] of JUMPS) {
    void test(`${direction} at boot is waited for, and the boot goes on as soon as it is right`, async t => {
      const { machine, clock } = await machineWithClock(t);
      await clock.set(offset);
      const program = machine.start(clock.env);
      await program.says(OFF);
      await clock.set('+0');
      await program.says(GREETED);
      program.kill('SIGTERM');
      await assertKept(machine, program);
      assert.equal((await machine.ledger()).length, 1);
    });

    void test(`set ${direction} while the worker runs delays no notice`, async t => {
      const { machine, clock } = await machineWithClock(t);
      const program = machine.start(clock.env);
      await program.says(GREETED);
      await clock.set(offset);
      machine.simulator.happen('spot-interruption');
      const log = await assertKept(machine, program);
      assert.match(log, /told the worker of the spot-interruption; finish-tasks: false/);
    });

    void test(
      `set ${direction} during the delay of onFailure changes nothing of the delay`,
      { skip: NEEDS_NETWORK },
      async t => {
        const clock = await fakedClock(t);
        const run = await startOnRealAddress(t, {
          scenario: { faults: [{ call: 'registerWorker', status: 403 }] },
          lifecycle: { onFailure: { delay: '4s' } },
          env: clock.env,
        });
        await run.says('halted in 4 s');
        const begunMs = performance.now();
        await clock.set(offset);
        const { code, halts, log } = await run.ended;
        const tookMs = performance.now() - begunMs;
        assert.equal(code, EXIT_CODES.refused.code, log);
        assert.equal(halts.length, 1, log);
        assert.ok(tookMs > 1_000 && tookMs < 60_000, `it took ${Math.round(tookMs)} ms`);
      },
    );

    void test(`${direction} at the next start: the worker goes on, and is renewed when the clock is right`, async t => {
      // A day ahead they seem to have ended.
      const { machine, clock } = await machineWithClock(t, { scenario: { lease: '12h' } });
      const first = machine.start();
      await first.says(GREETED);
      first.kill('SIGTERM');
      assert.equal((await first.exited).code, 67);
      await clock.set(offset);
      const program = machine.start({ ...clock.env, RENEWALS: '1' });
      await program.says(GREETED);
      if (direction === 'ahead') {
        await program.says(OFF);
        await clock.set('+0');
      } else {
        program.kill('SIGTERM');
      }
      const log = await assertKept(machine, program);
      assert.match(log, /going on as the worker that an earlier start of this machine was/);
      assert.equal(
        statusesOf(machine, 'reregisterWorker').at(-1),
        direction === 'ahead' ? 200 : undefined,
        log,
      );
    });
  }

  void test('set ahead while the worker runs: it is renewed within a minute, once the clock is right', async t => {
    const { machine, clock } = await machineWithClock(t, { scenario: { lease: '12h' } });
    const program = machine.start({ ...clock.env, RENEWALS: '1' });
    await program.says(GREETED);
    await clock.set('+1d');
    await program.says(OFF);
    await clock.set('+0');
    const log = await assertKept(machine, program);
    assert.deepEqual(new Set(statusesOf(machine, 'reregisterWorker')), new Set([401, 200]), log);
    assert.equal((await machine.ledger()).length, 2);
  });

  void test('set back while the worker runs delays no renewal', async t => {
    // It is due after 25 s.
    const { machine, clock } = await machineWithClock(t, { scenario: { lease: '55s' } });
    const program = machine.start({ ...clock.env, RENEWALS: '1' });
    await program.says(GREETED);
    await clock.set('-1d');
    const begunMs = performance.now();
    await program.says(OFF);
    assert.ok(performance.now() - begunMs < 50_000);
    await clock.set('+0');
    await assertKept(machine, program);
    assert.equal((await machine.ledger()).length, 2);
  });
});
