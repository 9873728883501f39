/** What goes wrong while the machine is being disposed of. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { RunnerConfig } from '../../src/config/runner-config.ts';
import { RunnerError } from '../../src/errors.ts';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { createEnding } from '../../src/runner/ending.ts';
import { NO_STORE, scene, type Scene } from '../support/disposal-scene.ts';

const TWO_MINUTES = 120_000;

interface Ending extends Scene {
  /** The exit code of a run that fails before this machine was registered. */
  readonly fail: () => Promise<number>;
}

async function failing(t: TestContext): Promise<Ending> {
  const made = await scene(t, { registered: false });
  const { estate, world } = made;
  const { lifecycle } = estate;
  const config = { lifecycle, worker: { implementation: 'generic-worker' } } as RunnerConfig;
  const ending = createEnding(
    { config, provider: estate.provider, interruptions: estate.interruptions, store: NO_STORE },
    world,
  );
  const error = new RunnerError('test.failed', 'it failed', { exit: 'refused' });
  return { ...made, fail: () => ending.of(() => Promise.reject(error)) };
}

void test('a fault of our own ends the delay, the machine is taken, and only then the run is over', async t => {
  const { fail, time, fault, halts, log } = await failing(t);
  const code = fail();
  await time.begun(TWO_MINUTES);
  fault();
  assert.equal(await code, EXIT_CODES.internal.code);
  assert.deepEqual(await halts(), ['-h now']);
  assert.match(
    log.inOrder.join('\n'),
    /^it failed\nthis machine is halted in 2 min: [^\n]*\na fault of start-worker itself[^]*: thrown into the void[^]*\nhalting this machine with [^\n]*$/,
  );
});

void test('without one the exit code is that of the failure, and the delay is waited', async t => {
  const { fail, time, halts } = await failing(t);
  const code = fail();
  await time.begun(TWO_MINUTES);
  assert.deepEqual(await halts(), []);
  time.end(TWO_MINUTES);
  assert.equal(await code, EXIT_CODES.refused.code);
  assert.deepEqual(await halts(), ['-h now']);
});
