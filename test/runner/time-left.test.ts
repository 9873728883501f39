import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LifecycleSettings } from '../../src/config/runner-config.ts';
import type { Notice } from '../../src/model.ts';
import { createTimeLeft } from '../../src/runner/time-left.ts';
import { createManualClock } from '../support/manual-clock.ts';

const LIFECYCLE = { gracePeriodMs: 300_000, killAfterMs: 10_000 } as LifecycleSettings;
const SPOT: Notice = { id: '1', kind: 'spot-interruption', reason: 'test', finishTasks: false };

function scene(notices: readonly Notice[] = []) {
  const clock = createManualClock();
  const asked = new AbortController();
  const seenAt = new Date(clock.now());
  const seen = notices.map(notice => ({ notice, seenAt, stands: true }));
  const timeLeft = createTimeLeft(
    LIFECYCLE,
    { allStanding: () => seen },
    { clock, signals: { asked: asked.signal } },
  );
  return { clock, timeLeft, signal: () => asked.abort() };
}

void test('a run that nobody hurries takes the time that its settings give', () => {
  const { timeLeft } = scene();
  assert.equal(timeLeft.for('drain', 600_000), 600_000);
  assert.equal(timeLeft.for('removal', 60_000), 60_000);
});

void test('after a signal and the worker’s last moment all steps together have less than 15 s', async () => {
  const { clock, timeLeft, signal } = scene();
  signal();
  await clock.pass(310_000);
  const begunMs = clock.elapsed();
  for (const step of ['drain', 'reports', 'removal', 'halt'] as const) {
    const ms = timeLeft.for(step, 600_000);
    assert.ok(ms > 1000, `${step} has ${ms} ms`);
    await clock.pass(ms);
  }
  assert.ok(clock.elapsed() - begunMs < 15_000);
});

void test('what is still under way then is given up', async () => {
  const { clock, timeLeft, signal } = scene();
  signal();
  await clock.pass(323_000);
  assert.equal(timeLeft.over.aborted, false);
  await clock.pass(1_500);
  assert.equal(timeLeft.over.aborted, true);
});

void test('a worker that ended early leaves the end the time that it did not need', async () => {
  const { clock, timeLeft, signal } = scene();
  signal();
  await clock.pass(1_000);
  assert.equal(timeLeft.for('reports', 10_000), 10_000);
  timeLeft.close();
  await clock.pass(0);
  assert.equal(clock.sleeping, 0);
});

void test('a signal cuts a step that had more time before it', async () => {
  const { clock, timeLeft, signal } = scene();
  const late = timeLeft.cut('removal', 600_000, new AbortController().signal);
  await clock.pass(400_000);
  assert.equal(late.aborted, false);
  signal();
  await clock.pass(318_000);
  assert.equal(late.aborted, false);
  await clock.pass(2_000);
  assert.equal(late.aborted, true);
});

void test('a notice leaves time to halt before its deadline', async () => {
  const { clock, timeLeft } = scene([{ ...SPOT, deadline: new Date(Date.parse('2026-11-21T08:02:00Z')) }]);
  assert.equal(timeLeft.for('removal', 60_000), 60_000);
  await clock.pass(100_000);
  assert.equal(timeLeft.for('removal', 60_000), 15_000);
  await clock.pass(60_000);
  assert.equal(timeLeft.for('removal', 60_000), 5_000);
  assert.equal(timeLeft.for('drain', 5_000), 500);
});

void test('a notice without a deadline leaves half a minute', () => {
  assert.equal(scene([SPOT]).timeLeft.for('removal', 60_000), 25_000);
});

void test('one that lets tasks finish hurries nothing', () => {
  assert.equal(scene([{ ...SPOT, finishTasks: true }]).timeLeft.for('removal', 60_000), 60_000);
});
