import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Lease,
  leaseOf,
  renewalDueAt,
  renewalRetryMs,
  sleepUntil,
} from '../../src/runner/renewal-schedule.ts';
import { createManualClock } from '../support/manual-clock.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const SETTINGS = { beforeMs: 30 * MINUTE, giveUpMs: 5 * MINUTE };

/** How long after it began a lease of this length is renewed. */
function dueAfter(from: Lease['from'], lastsMs: number): number {
  const sinceMs = Date.parse('2026-11-21T08:00:00Z');
  const lease = { from, sinceMs, sinceElapsedMs: 0, expiresMs: sinceMs + lastsMs };
  return renewalDueAt(lease, SETTINGS.beforeMs) - sinceMs;
}

test('credentials are renewed half an hour before they end', () => {
  for (const from of ['registration', 'renewal', 'earlier start'] as const) {
    assert.equal(dueAfter(from, 96 * HOUR), 95.5 * HOUR);
    assert.equal(dueAfter(from, 30 * DAY), 30 * DAY - 30 * MINUTE);
  }
});

test('a renewal is five minutes after the one before it at least, but half a minute before the end', () => {
  for (const from of ['registration', 'renewal'] as const) {
    assert.equal(dueAfter(from, 34 * MINUTE), 5 * MINUTE);
    assert.equal(dueAfter(from, 20 * MINUTE), 5 * MINUTE);
    assert.equal(dueAfter(from, 5 * MINUTE), 4.5 * MINUTE);
    assert.equal(dueAfter(from, MINUTE), 30 * SECOND);
  }
});

test('credentials of an earlier start, or that end at once, are renewed at once', () => {
  assert.ok(dueAfter('earlier start', 20 * MINUTE) <= 0);
  assert.ok(dueAfter('earlier start', 31 * SECOND) <= SECOND);
  assert.ok(dueAfter('earlier start', -DAY) < 0);
  assert.ok(dueAfter('registration', 10 * SECOND) <= 0);
  assert.ok(dueAfter('registration', -DAY) < 0);
});

test('credentials that hardly last are not renewed all the time', () => {
  assert.equal(dueAfter('renewal', 32 * SECOND), 10 * SECOND);
  assert.equal(dueAfter('renewal', 20 * SECOND), 10 * SECOND);
  assert.equal(dueAfter('renewal', 4 * SECOND), 2 * SECOND);
  assert.equal(dueAfter('renewal', 1), SECOND);
  assert.equal(dueAfter('renewal', 0), 5 * MINUTE);
  assert.equal(dueAfter('renewal', -DAY), 5 * MINUTE);
});

test('a renewal is tried until five minutes before the end, or for half of what is left', () => {
  const clock = createManualClock();
  const retryFor = (leftMs: number) =>
    renewalRetryMs(leaseOf('renewal', new Date(clock.now() + leftMs), clock), SETTINGS, clock);
  assert.equal(retryFor(30 * MINUTE), 25 * MINUTE);
  assert.equal(retryFor(10 * MINUTE), 5 * MINUTE);
  assert.equal(retryFor(9 * MINUTE), 4.5 * MINUTE);
  assert.equal(retryFor(30 * SECOND), 15 * SECOND);
});

test('where only the machine’s clock says that the credentials have ended, a renewal is tried for five minutes', async () => {
  const clock = createManualClock();
  const lease = leaseOf('registration', new Date(clock.now() + 96 * HOUR), clock);
  await clock.pass(HOUR);
  const future = { ...clock, now: () => clock.now() + 100 * HOUR };
  assert.equal(renewalRetryMs(lease, SETTINGS, future), 5 * MINUTE);
  const past = { ...clock, now: () => clock.now() - DAY };
  assert.equal(renewalRetryMs(lease, SETTINGS, past), 95 * HOUR - 5 * MINUTE);
});

test('so it is where they seem to have ended before they came: none are issued so', () => {
  const clock = createManualClock();
  for (const from of ['registration', 'renewal', 'earlier start'] as const) {
    const lease = leaseOf(from, new Date(clock.now() - DAY), clock);
    assert.equal(renewalRetryMs(lease, SETTINGS, clock), 5 * MINUTE);
  }
});

/** @returns when a wait for a moment of the machine's clock ended, in elapsed time, and its longest sleep */
async function waitFor(
  momentMs: number,
  jumps: ReadonlyMap<number, number>,
): Promise<{ readonly elapsedMs: number | undefined; readonly longestSleepMs: number }> {
  const manual = createManualClock();
  const startMs = manual.now();
  let offMs = 0;
  let longestSleepMs = 0;
  const clock = {
    ...manual,
    now: () => manual.now() + offMs,
    sleep(ms: number, signal: AbortSignal) {
      longestSleepMs = Math.max(longestSleepMs, ms);
      return manual.sleep(ms, signal);
    },
  };
  const lease = leaseOf('renewal', new Date(startMs + 96 * HOUR), clock);
  let elapsedMs: number | undefined;
  void sleepUntil(startMs + momentMs, lease, clock, new AbortController().signal).then(
    () => (elapsedMs = manual.elapsed()),
  );
  for (const [afterMs, jumpMs] of jumps) {
    await manual.pass(afterMs - manual.elapsed());
    offMs += jumpMs;
  }
  await manual.pass(momentMs - manual.elapsed());
  return { elapsedMs, longestSleepMs };
}

test('a wait of a month is one of minutes', async () => {
  const waited = await waitFor(2 * DAY, new Map());
  assert.deepEqual(waited, { elapsedMs: 2 * DAY, longestSleepMs: MINUTE });
});

test('a clock that is set a day ahead, or a machine that was suspended, ends a wait within a minute', async () => {
  const { elapsedMs = NaN } = await waitFor(20 * HOUR, new Map([[10 * HOUR, DAY]]));
  assert.ok(elapsedMs >= 10 * HOUR && elapsedMs <= 10 * HOUR + MINUTE, String(elapsedMs));
});

test('a clock that is set back by a day makes no wait longer', async () => {
  assert.equal((await waitFor(20 * HOUR, new Map([[10 * HOUR, -DAY]]))).elapsedMs, 20 * HOUR);
});
