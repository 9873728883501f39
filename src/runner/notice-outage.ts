/**
 * A metadata service that no longer says whether this machine is about to go: one line when that begins and one when it
 * is over, for all sources of notices, since they ask the same service.
 */
import type { Clock } from '../clock.ts';
import { messageOf, RunnerError } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import type { NoticeSource } from '../providers/provider.ts';
import { durationWords } from '../words.ts';

/** One failed look is no outage: the next one tells what it missed. */
const FAILURES = 2;

export interface NoticeOutage {
  answered(source: NoticeSource): void;
  /** @param sinceMs when this look began, by the clock's elapsed() */
  failed(source: NoticeSource, error: unknown, sinceMs: number): void;
  /** From now on outages are told. */
  tell(): void;
}

export function createNoticeOutage(world: { readonly clock: Clock; readonly log: Log }): NoticeOutage {
  const { clock, log } = world;
  /** Sources whose last look failed: since when, and how many looks in a row. */
  const failing = new Map<NoticeSource, { readonly sinceMs: number; readonly failures: number }>();
  let telling = false;
  let toldSinceMs: number | undefined;

  return {
    failed(source, error, lookSinceMs) {
      const { sinceMs, failures } = failing.get(source) ?? { sinceMs: lookSinceMs, failures: 0 };
      failing.set(source, { sinceMs, failures: failures + 1 });
      if (!telling || toldSinceMs !== undefined || failures + 1 < FAILURES) return;
      toldSinceMs = sinceMs;
      log.warn(
        `for ${durationWords(clock.elapsed() - sinceMs)} the cloud has not said whether it takes this machine away: ` +
          `${words(error)}; it is asked on`,
        { source: source.name },
      );
    },
    answered(source) {
      failing.delete(source);
      if (toldSinceMs === undefined || failing.size > 0) return;
      log.info(
        `the cloud says again whether it takes this machine away, after ${durationWords(clock.elapsed() - toldSinceMs)}`,
      );
      toldSinceMs = undefined;
    },
    tell() {
      telling = true;
    },
  };
}

/** Whatever is no error of the service is a fault of ours: its name says more than its message alone. */
function words(error: unknown): string {
  return error instanceof RunnerError ? messageOf(error) : String(error);
}
