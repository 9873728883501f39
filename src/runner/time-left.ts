/** How long the end of a run may still take: one budget for all that is done between the worker's end and ours. */
import { abortLater } from '../abort-later.ts';
import type { Clock } from '../clock.ts';
import type { LifecycleSettings } from '../config/runner-config.ts';
import { longestEndMs } from '../end-budget.ts';
import type { Interruptions } from './interruptions.ts';
import type { Signals } from './signals.ts';

/** What the log and the process itself may need of it. */
const LAST_WORDS_MS = 1_000;

/** Where the cloud names no deadline, it is this long after its notice (Google's preemption). */
const USUAL_NOTICE_MS = 30_000;

interface Share {
  /** What the steps behind it need, however little there is. */
  readonly keepBackMs: number;
  /** What is tried all the same. A notice may come late, or be wrong. */
  readonly atLeastMs: number;
}

/** In the order in which they come. */
const SHARES = {
  drain: { keepBackMs: 11_000, atLeastMs: 500 },
  reports: { keepBackMs: 9_500, atLeastMs: 500 },
  removal: { keepBackMs: 5_000, atLeastMs: 5_000 },
  halt: { keepBackMs: 0, atLeastMs: 5_000 },
} as const satisfies Record<string, Share>;

export interface TimeLeft {
  /** How long this may take now: what is wanted, or less where a signal or the cloud wants the run to be over soon. */
  for(share: keyof typeof SHARES, wantedMs: number): number;
  /**
   * Fires where a signal comes meanwhile and the time that it leaves for this is over.
   * @param done fires when it is done
   */
  cut(share: keyof typeof SHARES, wantedMs: number, done: AbortSignal): AbortSignal;
  /** Fires when a run that a signal ended must be over: what is still under way is given up. */
  readonly over: AbortSignal;
  /** Ends the waiting for that. */
  close(): void;
}

export interface TimeLeftWorld {
  readonly clock: Clock;
  readonly signals: Pick<Signals, 'asked'>;
}

export function createTimeLeft(
  lifecycle: LifecycleSettings,
  interruptions: Pick<Interruptions, 'allStanding'>,
  { clock, signals: { asked } }: TimeLeftWorld,
): TimeLeft {
  const over = new AbortController();
  const closing = new AbortController();
  /** By clock.elapsed(). */
  let endsAtMs = Infinity;

  function begin(): void {
    const leftMs = longestEndMs(lifecycle) - LAST_WORDS_MS;
    endsAtMs = clock.elapsed() + leftMs;
    const reason = new Error('the time for the end of this run is over');
    abortLater(over, leftMs, reason, { clock, done: closing.signal });
  }
  if (asked.aborted) begin();
  else asked.addEventListener('abort', begin, { once: true, signal: closing.signal });

  function noticeLeftMs(): number {
    const ends = interruptions
      .allStanding()
      .filter(({ notice }) => !notice.finishTasks)
      .map(({ notice, seenAt }) => notice.deadline?.getTime() ?? seenAt.getTime() + USUAL_NOTICE_MS);
    return Math.min(...ends) - clock.now();
  }

  function shareMs(share: keyof typeof SHARES, wantedMs: number): number {
    const { keepBackMs, atLeastMs } = SHARES[share];
    const leftMs = Math.min(endsAtMs - clock.elapsed(), noticeLeftMs()) - keepBackMs;
    return Math.min(wantedMs, Math.max(atLeastMs, leftMs));
  }

  return {
    for: shareMs,
    cut(share, wantedMs, done) {
      const late = new AbortController();
      function hurry(): void {
        const reason = new Error('the signal leaves no more time for it');
        abortLater(late, shareMs(share, wantedMs), reason, { clock, done });
      }
      asked.addEventListener('abort', hurry, { once: true, signal: done });
      return late.signal;
    },
    over: over.signal,
    close: () => closing.abort(new Error('the run has ended')),
  };
}
