/** The durations of a scenario. They were checked by scenario.ts before anyone asks for their value. */
import { parseDuration } from '../config/units.ts';

/** `30s` → 30000 */
export function durationMs(text: string): number {
  return parseDuration(text) ?? NaN;
}

/** `-5m` → -300000 */
export function clockOffsetMs(text: string): number {
  const size = durationMs(text.slice(1));
  return text.startsWith('-') ? -size : size;
}
