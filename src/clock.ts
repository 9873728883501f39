/** Time and chance as the steps see them, so that a test can own both. All times are in milliseconds. */
import { setTimeout } from 'node:timers/promises';

export interface Clock {
  /** The machine's idea of the time, since the epoch. It jumps when the clock is set, as happens at boot. */
  now(): number;
  /** Time that only goes forward, from any beginning: for what lasts. */
  elapsed(): number;
  /** Rejects at once with the signal's reason when the signal fires. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** At least 0 and below 1. */
  random(): number;
}

/** A Node timer's longest delay is 2^31 - 1 ms (24.8 days); a longer one fires at once. */
const LONGEST_TIMER_MS = 24 * 86_400_000;

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  async sleep(ms, signal) {
    try {
      let leftMs = ms;
      for (; leftMs > LONGEST_TIMER_MS; leftMs -= LONGEST_TIMER_MS) {
        await setTimeout(LONGEST_TIMER_MS, undefined, { signal });
      }
      await setTimeout(leftMs, undefined, { signal });
    } catch (error) {
      // The timer rejects with an AbortError of its own: our callers are promised the reason.
      signal.throwIfAborted();
      throw error;
    }
  },
  random: () => Math.random(),
};
