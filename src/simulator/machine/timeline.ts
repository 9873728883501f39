/** The `timeline` of a scenario: what happens to the machine, and when. */
import type { Scenario as ScenarioInput } from '../../generated/types.ts';
import { pointerTo } from '../../config/places.ts';
import { durationMs } from '../scenario-durations.ts';
import { CLOUDS } from './clouds.ts';
import { eventMistake, TOKENS_LOST } from './events.ts';
import { happen, withdraw, type Machine } from './machine.ts';

export interface TimelineEntry {
  readonly event: string;
  /** Since the simulator's start, in milliseconds. */
  readonly atMs: number;
  /** After this long it is over; undefined: it stays. */
  readonly forMs?: number;
}

const KEY = /^at (\d{1,9}(?:ms|s|m|h|d))(?: for (\d{1,9}(?:ms|s|m|h|d)))?$/;
/** A timer of Node ends at once beyond 24.8 days. */
const LONGEST_MS = 24 * 24 * 3_600_000;

type Timeline = NonNullable<ScenarioInput['timeline']>;

function eventsOf(value: Timeline[string]): { readonly event: string; readonly place: string }[] {
  return typeof value === 'string'
    ? [{ event: value, place: '' }]
    : value.map((event, index) => ({ event, place: `/${index}` }));
}

export function timelineMistakes({ machine, timeline }: ScenarioInput): { pointer: string; text: string }[] {
  if (timeline === undefined) return [];
  if (machine === undefined) {
    return [{ pointer: '/timeline', text: 'needs a machine: nothing happens to a Taskcluster alone' }];
  }
  const cloud = CLOUDS[machine.cloud];
  return Object.entries(timeline).flatMap(([key, value]) => {
    const pointer = pointerTo('/timeline', key);
    const [, at = '', duration] = KEY.exec(key) ?? [];
    if (at === '') {
      const text = 'must be "at <duration>" or "at <duration> for <duration>", such as at 5s for 10s';
      return [{ pointer, text }];
    }
    if (durationMs(at) + durationMs(duration ?? '0s') > LONGEST_MS) {
      return [{ pointer, text: 'must be over within 24d' }];
    }
    return eventsOf(value).flatMap(({ event, place }) => {
      const lasting = event === TOKENS_LOST && duration !== undefined;
      const text = lasting ? 'is over at once: leave "for" out' : eventMistake(cloud, event);
      return text === undefined ? [] : [{ pointer: `${pointer}${place}`, text }];
    });
  });
}

/** @param timeline one in which timelineMistakes() found nothing */
export function resolveTimeline(timeline: Timeline = {}): TimelineEntry[] {
  return Object.entries(timeline).flatMap(([key, value]) => {
    const [, at = '', duration] = KEY.exec(key) ?? [];
    const atMs = durationMs(at);
    return eventsOf(value).map(({ event }) => ({
      event,
      atMs,
      ...(duration === undefined ? {} : { forMs: durationMs(duration) }),
    }));
  });
}

/** Lets everything happen in its time. @returns what stops that */
export function startTimeline(machine: Machine, entries: readonly TimelineEntry[]): () => void {
  const timers: NodeJS.Timeout[] = [];
  for (const { event, atMs, forMs } of entries) {
    // What stands from the start must not be missed by whoever asks first.
    if (atMs === 0) happen(machine, event);
    else timers.push(setTimeout(() => happen(machine, event), atMs));
    if (forMs !== undefined) timers.push(setTimeout(() => withdraw(machine, event), atMs + forMs));
  }
  return () => {
    for (const timer of timers) clearTimeout(timer);
  };
}
