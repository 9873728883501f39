import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunnerError } from '../../src/errors.ts';
import type { Notice } from '../../src/model.ts';
import { watchInterruptions } from '../../src/runner/interruptions.ts';
import { endBootOfDoomed, refuseDoomed } from '../../src/runner/refuse-doomed.ts';
import type { World } from '../../src/runner/world.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { createMemoryLog } from '../support/memory-log.ts';

const SPOT: Notice = { id: '1', kind: 'spot-interruption', reason: 'terminate', finishTasks: false };

function bootOf(show: () => readonly Notice[]) {
  const clock = createManualClock();
  const log = createMemoryLog();
  const source = { name: 'test', everyMs: 1000, prompt: true, look: () => Promise.resolve(show()) };
  const interruptions = watchInterruptions([source], { clock, log, tell: () => undefined });
  const begun = new AbortController();
  // Of the world it uses these two.
  const world = { clock, signals: { boot: begun.signal } } as unknown as World;
  return { clock, begun, interruptions, boot: endBootOfDoomed(interruptions, world).signals.boot };
}

test('a notice ends a boot that waits, after some seconds for what is under way', async t => {
  let standing: readonly Notice[] = [];
  const { clock, interruptions, boot } = bootOf(() => standing);
  t.after(() => interruptions.close());
  standing = [SPOT];
  await clock.pass(3000);
  assert.equal(boot.aborted, false);
  assert.throws(() => refuseDoomed(interruptions), { code: 'run.interrupted' });
  await clock.pass(4000);
  assert.ok(boot.reason instanceof RunnerError);
  assert.equal(boot.reason.exit, 'interrupted');
});

test('a notice that is withdrawn in these seconds does not', async t => {
  let standing: readonly Notice[] = [SPOT];
  const { clock, interruptions, boot } = bootOf(() => standing);
  t.after(() => interruptions.close());
  await clock.pass(2000);
  standing = [];
  await clock.pass(20_000);
  assert.equal(boot.aborted, false);
  refuseDoomed(interruptions);
});
