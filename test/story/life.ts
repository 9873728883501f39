/** One life of the runner's process: what it asks of the world is answered only while it lives. */
import { EventEmitter } from 'node:events';
import type { Clock } from '../../src/clock.ts';
import type { Random } from './random.ts';
import type { Fault, Story, StoryEvent } from './story.ts';
import type { Time } from './time.ts';
import type { Witness } from './witness.ts';

/** Whom and what every part of the simulated world knows. */
export interface Stage {
  readonly story: Story;
  readonly random: Random;
  readonly time: Time;
  readonly witness: Witness;
  /** The second phase: whether a fault that this story has happens now. */
  readonly strikes: (fault: Fault) => boolean;
}

export interface Life {
  readonly number: number;
  readonly beganMs: number;
  readonly alive: () => boolean;
  readonly end: () => void;
  /** SIGTERM and SIGHUP arrive here. */
  readonly emitter: EventEmitter;
  readonly fault: AbortController;
  readonly clock: Clock;
  /** Something that takes no time is done: one step, before which the life may end. @returns whether it lives */
  readonly moment: (what: string) => boolean;
  /**
   * Something of the world is asked for: one step before it is done, one before the answer comes. Once the life has ended
   * there is no answer.
   */
  readonly act: <T>(what: string, ms: number, effect: () => T | Promise<T>) => Promise<T>;
  /** Its worker's process was started. */
  readonly workerStarted: () => void;
  readonly facts: LifeFacts;
}

/** What the invariants need to know of a life. */
export interface LifeFacts {
  /** When the first SIGTERM came, by Time.elapsed. */
  signalledMs: number | undefined;
  /** The newest generation of credentials whose reply this life received. */
  received: number;
  removalsReceived: number;
  removalFailed: boolean;
  haltFailed: boolean;
  workerExit: { readonly code: number | undefined; readonly signal: NodeJS.Signals | undefined } | undefined;
  shutdownAsked: boolean;
  faulted: boolean;
  /** Whether the cloud has said anything, so that it is certain where the machine is. */
  certain: boolean;
}

export function createLife(
  number: number,
  { time, random, witness, story }: Stage,
  strike: (event: StoryEvent) => void,
): Life {
  let alive = true;
  let steps = 0;
  const beganMs = time.elapsed();
  const events = story.events.filter(event => event.life === number);

  function step(what: string): boolean {
    if (!alive) return false;
    steps += 1;
    time.stir();
    witness.note(what);
    for (const event of events) if ('step' in event.at && event.at.step === steps) strike(event);
    return alive;
  }
  function strikeAfter(seconds: number, event: StoryEvent): void {
    time.after(seconds * 1000, () => {
      if (alive) strike(event);
    });
  }
  for (const event of events) if ('second' in event.at) strikeAfter(event.at.second, event);

  function wait(ms: number): Promise<void> {
    return new Promise(resolve => {
      time.after(ms, () => {
        if (alive) resolve();
      });
    });
  }

  async function act<T>(what: string, ms: number, effect: () => T | Promise<T>): Promise<T> {
    if (!step(what)) return never();
    await wait(ms);
    const result = await effect();
    return step(`${what}: done`) ? result : never();
  }

  const clock: Clock = {
    now: () => time.wall(),
    elapsed: () => time.elapsed(),
    random: () => random.float(),
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        function abort(): void {
          takeBack();
          time.stir();
          reject(signal.reason as Error);
        }
        if (signal.aborted) {
          reject(signal.reason as Error);
          return;
        }
        const takeBack = time.after(ms, () => {
          signal.removeEventListener('abort', abort);
          if (alive) resolve();
        });
        signal.addEventListener('abort', abort, { once: true });
      });
    },
  };

  return {
    number,
    beganMs,
    alive: () => alive,
    end() {
      alive = false;
    },
    emitter: new EventEmitter(),
    fault: new AbortController(),
    clock,
    moment: step,
    act,
    workerStarted() {
      for (const event of events) {
        if ('workerSecond' in event.at) strikeAfter(event.at.workerSecond, event);
      }
    },
    facts: {
      signalledMs: undefined,
      received: -1,
      removalsReceived: 0,
      removalFailed: false,
      haltFailed: false,
      workerExit: undefined,
      shutdownAsked: false,
      faulted: false,
      certain: false,
    },
  };
}

export function never<T>(): Promise<T> {
  return new Promise<T>(() => undefined);
}
