import { durationWords } from '../words.ts';

/** A duration for people, also one that a phase of a quick boot takes: `35 ms`, `0.3 s`, `9 min 58 s`. */
export function spanWords(seconds: number): string {
  return seconds < 0.1 ? `${Math.round(seconds * 1000)} ms` : durationWords(seconds * 1000);
}

/** A moment, as seen from another one: `in 3 h 5 min`, `35 ms ago`. Both are RFC 3339. */
export function distanceWords(moment: string, now: string): string {
  const seconds = (Date.parse(moment) - Date.parse(now)) / 1000;
  return seconds < 0 ? `${spanWords(-seconds)} ago` : `in ${spanWords(seconds)}`;
}
