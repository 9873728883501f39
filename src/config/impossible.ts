/** What is well-formed and yet cannot be: rules that a JSON Schema cannot hold. */
import { isJsonObject } from '../json.ts';
import { found } from './describe.ts';
import type { Mistake } from './mistakes.ts';
import { pointerTo, valueOffset, type Places } from './places.ts';
import { schemaAt, valueKind } from './schemas.ts';
import { parseDuration, parseSize } from './units.ts';

/** A Node timer's longest delay is 2^31 - 1 ms (24.8 days); a longer one fires at once. */
const LONGEST_DURATION_MS = 24 * 86_400_000;
/** V8's longest string is about 512 MiB; a line and a message have to be one. */
const LONGEST_TEXT_BYTES = 256 * 1024 ** 2;
const TEXT_LIMITS = ['/limits/line', '/limits/message'];

/** Looks at the values of the sections that are of the right shape; the schema tells of the others. */
export function impossibleValues(config: unknown, places: Places): Mistake[] {
  if (!isJsonObject(config)) return [];
  const mistakes: Mistake[] = [];
  for (const [section, values] of Object.entries(config)) {
    if (!isJsonObject(values)) continue;
    for (const [key, value] of Object.entries(values)) {
      if (typeof value !== 'string') continue;
      const pointer = pointerTo(pointerTo('', section), key);
      const text = trouble(valueKind(schemaAt(config, [section, key])), pointer, value);
      if (text === undefined) continue;
      mistakes.push({ offset: valueOffset(places, pointer), text: `${section}.${key} ${text}` });
    }
  }
  return mistakes;
}

function trouble(kind: string | undefined, pointer: string, value: string): string | undefined {
  if (kind === 'duration' && (parseDuration(value) ?? 0) > LONGEST_DURATION_MS) {
    return `must be at most 24d; found ${found([], value)}`;
  }
  const bytes = kind === 'size' ? (parseSize(value) ?? 0) : 0;
  if (bytes > Number.MAX_SAFE_INTEGER) return `is too large; found ${found([], value)}`;
  if (TEXT_LIMITS.includes(pointer) && bytes > LONGEST_TEXT_BYTES)
    return `must be at most 256MiB; found ${found([], value)}`;
  if (kind === 'rootURL' && /^https?:\/\/[^@]*$/.test(value) && !URL.canParse(value)) {
    return `is no URL: look at its host and port; found ${found([], value)}`;
  }
  return undefined;
}
