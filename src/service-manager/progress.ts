/**
 * Whether a run still does what it began, as far as its own events show. That a service does not answer is no standstill:
 * a restart would not mend that, and would cost the tasks of the worker.
 */
import type { Clock } from '../clock.ts';
import type { Tell } from '../run-event.ts';
import { durationWords } from '../words.ts';

/** Each look is bounded in time by its source, and the next one follows soon, whatever came of it. */
const LOOK_OVERDUE_MS = 10 * 60_000;
/** What may come on top of the time for which a renewal is tried. */
const RENEWAL_OVERDUE_MS = 5 * 60_000;

export interface Progress {
  readonly tell: Tell;
  /** What stands still, in words. */
  standstills(): readonly string[];
}

export function createProgress(clock: Pick<Clock, 'elapsed'>): Progress {
  /** When each source of notices has looked last, by clock.elapsed(). */
  const looks = new Map<string, number>();
  /** The renewal that is under way. Not held against the end of the credentials: the machine's clock may be wrong. */
  let renewing: { readonly sinceMs: number; readonly forMs: number } | undefined;

  function renewal(): readonly string[] {
    if (renewing === undefined) return [];
    const { sinceMs, forMs } = renewing;
    const lastedMs = clock.elapsed() - sinceMs;
    if (lastedMs <= forMs + RENEWAL_OVERDUE_MS) return [];
    return [
      `a renewal of the credentials was to be tried for ${durationWords(forMs)}, and is under way since ${durationWords(lastedMs)}`,
    ];
  }

  function look(): readonly string[] {
    return [...looks]
      .map(([source, atMs]) => ({ source, silentMs: clock.elapsed() - atMs }))
      .filter(({ silentMs }) => silentMs > LOOK_OVERDUE_MS)
      .map(({ source, silentMs }) => `${source} were looked for ${durationWords(silentMs)} ago`);
  }

  return {
    tell(event) {
      if (event.kind === 'looked') looks.set(event.source, clock.elapsed());
      if (event.kind === 'renewal-begun') renewing = { sinceMs: clock.elapsed(), forMs: event.forMs };
      // The end of the run has a time limit of its own.
      if (event.kind === 'renewal-due' || (event.kind === 'phase' && event.phase === 'ending')) {
        renewing = undefined;
      }
    },
    standstills: () => [...renewal(), ...look()],
  };
}
