/** Time that a test moves by hand: a day passes in a moment, and what happens in it happens in order. */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../src/clock.ts';

export interface ManualClock extends Clock {
  /** Lets so much time pass; each sleep that ends in it ends at its own moment, and what follows from it happens then. */
  pass(ms: number): Promise<void>;
  /** How many sleeps are under way. */
  readonly sleeping: number;
}

interface Sleep {
  readonly endMs: number;
  readonly wake: () => void;
}

export function createManualClock(startMs = Date.parse('2026-11-21T08:00:00Z')): ManualClock {
  let passedMs = 0;
  const sleeps = new Set<Sleep>();

  async function sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const entry = { endMs: passedMs + ms, wake: () => resolve(undefined) };
    sleeps.add(entry);
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', abort);
      sleeps.delete(entry);
    }
  }

  return {
    now: () => startMs + passedMs,
    elapsed: () => passedMs,
    random: () => 0.5,
    sleep,
    get sleeping() {
      return sleeps.size;
    },
    async pass(ms) {
      const untilMs = passedMs + ms;
      // Whatever was begun before goes as far as it can without time.
      await setImmediate();
      for (;;) {
        const next = [...sleeps].sort((a, b) => a.endMs - b.endMs)[0];
        if (next === undefined || next.endMs > untilMs) break;
        passedMs = next.endMs;
        next.wake();
        await setImmediate();
      }
      passedMs = untilMs;
    },
  };
}
