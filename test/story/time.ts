/** Time that nobody waits for: it goes on to the next event when nothing is left to do before it. */
import { setImmediate } from 'node:timers/promises';

export interface Time {
  /** Monotonic, in ms since the beginning of the story; stands still while the machine is suspended. */
  elapsed(): number;
  /** What the rest of the world calls the time, since the epoch. */
  truth(): number;
  /** What the machine believes. */
  wall(): number;
  /** The machine's clock is set: it errs by so much more. */
  jump(ms: number): void;
  /** The machine sleeps: for all others time goes on. */
  suspend(ms: number): void;
  /** Runs `event` after so much time. @returns takes it back */
  after(ms: number, event: () => void): () => void;
  /** Says that something has moved, so that time waits for what follows from it. */
  stir(): void;
  /** Waits until nothing moves any more without time going on. */
  settle(): Promise<void>;
  /** Goes on to the next event, unless it is later than `untilMs` of `elapsed`. @returns whether there was one */
  advance(untilMs: number): boolean;
}

interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly event: () => void;
}

/** Turns of the event loop in which nothing stirs, before all is at rest: code may pass a turn or two by itself. */
const QUIET_TURNS = 4;

export function createTime(startMs: number, skewMs: number): Time {
  /** Sorted: the earliest is the last. */
  const entries: Entry[] = [];
  let elapsedMs = 0;
  let suspendedMs = 0;
  let errorMs = skewMs;
  let order = 0;
  let stirred = 0;

  return {
    elapsed: () => elapsedMs,
    truth: () => startMs + elapsedMs + suspendedMs,
    wall: () => Math.floor(startMs + elapsedMs + suspendedMs + errorMs),
    jump(ms) {
      errorMs += ms;
    },
    suspend(ms) {
      suspendedMs += ms;
    },
    after(ms, event) {
      const entry = { atMs: elapsedMs + Math.max(0, ms), order: (order += 1), event };
      const later = entries.findLastIndex(({ atMs }) => atMs > entry.atMs);
      entries.splice(later + 1, 0, entry);
      stirred += 1;
      return () => {
        const index = entries.indexOf(entry);
        if (index >= 0) entries.splice(index, 1);
      };
    },
    stir() {
      stirred += 1;
    },
    async settle() {
      let seen = stirred;
      for (let quiet = 0; quiet < QUIET_TURNS; quiet += 1) {
        await setImmediate();
        if (stirred === seen) continue;
        seen = stirred;
        quiet = -1;
      }
    },
    advance(untilMs) {
      const next = entries.at(-1);
      if (next === undefined || next.atMs > untilMs) return false;
      entries.pop();
      elapsedMs = next.atMs;
      next.event();
      return true;
    },
  };
}
