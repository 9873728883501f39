/**
 * When credentials are renewed, and for how long that is tried. Two clocks are asked, as either may be wrong: the
 * machine's time is set back and forth, and elapsed time stands still while the machine is suspended.
 */
import type { Clock } from '../clock.ts';
import type { RenewalSettings } from '../config/runner-config.ts';

/** Credentials and the time they are good for. All times but one are of the machine's clock, in ms since the epoch. */
export interface Lease {
  /** Where they came from: a worker that starts again does not know when they were issued. */
  readonly from: 'registration' | 'renewal' | 'earlier start';
  readonly sinceMs: number;
  /** The same moment, as Clock.elapsed() has it. */
  readonly sinceElapsedMs: number;
  readonly expiresMs: number;
}

/** A renewal comes this long after the one before it, or after registration, … */
const APART_MS = 5 * 60_000;
/** … but before the credentials end by this much, … */
const BEFORE_END_MS = 30_000;
/** … and where they last no longer than that, not all the time: after half of what they last, but within these. */
const SHORT_LEASE_MS = { least: 1000, most: 10_000 } as const;

/** A timer counts no time in which the machine was suspended, and ends at once where it is longer than 24.8 days. */
const LONGEST_SLEEP_MS = 60_000;

export function leaseOf(from: Lease['from'], expires: Date, clock: Clock): Lease {
  return { from, sinceMs: clock.now(), sinceElapsedMs: clock.elapsed(), expiresMs: expires.getTime() };
}

/** @returns since the epoch; a moment that is past means "at once" */
export function renewalDueAt(lease: Lease, beforeMs: number): number {
  const { from, sinceMs, expiresMs } = lease;
  const wantedMs = expiresMs - beforeMs;
  const latestMs = expiresMs - BEFORE_END_MS;
  if (from === 'earlier start') return Math.min(wantedMs, latestMs);
  const dueMs = Math.min(Math.max(wantedMs, sinceMs + APART_MS), latestMs);
  if (from === 'registration') return dueMs;
  // What has ended before it came is a matter of the clock, which more of the same does not mend.
  if (expiresMs <= sinceMs) return sinceMs + APART_MS;
  const { least, most } = SHORT_LEASE_MS;
  return Math.max(dueMs, sinceMs + Math.min(Math.max((expiresMs - sinceMs) / 2, least), most));
}

/** How long until a moment of the machine's clock, as it went when the lease began; by the clock that says less. */
export function msUntil(momentMs: number, lease: Lease, clock: Clock): number {
  return Math.min(momentMs - clock.now(), elapsedMsUntil(momentMs, lease, clock));
}

function elapsedMsUntil(momentMs: number, lease: Lease, clock: Clock): number {
  return momentMs - lease.sinceMs - (clock.elapsed() - lease.sinceElapsedMs);
}

/**
 * How long a renewal that begins now is tried: until `giveUp` before the credentials end or, where less than twice that
 * is left, for half of what is left. At least for `giveUp` where only the machine's clock says that they have ended: it
 * may have been set wrong.
 */
export function renewalRetryMs(lease: Lease, { giveUpMs }: RenewalSettings, clock: Clock): number {
  const leftMs = msUntil(lease.expiresMs, lease, clock);
  // None that ended before they came are issued, nor is a worker started with such of an earlier start (recall.ts).
  const onlyByOurs = lease.expiresMs <= lease.sinceMs;
  const elapsedLeftMs = onlyByOurs ? 2 * giveUpMs : elapsedMsUntil(lease.expiresMs, lease, clock);
  const patienceMs = Math.max(leftMs, Math.min(elapsedLeftMs, 2 * giveUpMs), 0);
  return patienceMs < 2 * giveUpMs ? patienceMs / 2 : patienceMs - giveUpMs;
}

/** Waits for such a moment. Rejects with the signal's reason. */
export async function sleepUntil(
  momentMs: number,
  lease: Lease,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const leftMs = msUntil(momentMs, lease, clock);
    if (leftMs <= 0) return;
    await clock.sleep(Math.min(leftMs, LONGEST_SLEEP_MS), signal);
  }
}
