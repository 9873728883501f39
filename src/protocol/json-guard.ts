/** Looks at JSON from a worker before and after it is parsed: a message must not cost our memory or bend our objects. */
import { isJsonObject } from '../json.ts';

/** The deepest nesting of objects and arrays that a message may have. */
const MAX_DEPTH = 64;

/** How many values, objects and arrays included, a message may have: parsed, each takes many times its text. */
const MAX_VALUES = 100_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const COMMA = 0x2c;

/** Keys that reach an object's prototype where code copies them carelessly. */
const POLLUTING_KEYS = ['__proto__', 'constructor', 'prototype'] as const;

/** What is too much about a message, or nothing. Looked for in the text: parsed, 4 MiB of `[],` take 400 MiB. */
export function excess(json: string): string | undefined {
  // Each level and each value takes at least one character.
  if (json.length <= MAX_DEPTH) return undefined;
  let depth = 0;
  let values = 0;
  for (let at = 0; at < json.length; at += 1) {
    switch (json.charCodeAt(at)) {
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth += 1;
        values += 1;
        if (depth > MAX_DEPTH) return `it is nested more than ${MAX_DEPTH} levels deep`;
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth -= 1;
        break;
      case COMMA:
        values += 1;
        if (values > MAX_VALUES) return `it has more than ${MAX_VALUES} values`;
        break;
      case QUOTE:
        at = endOfString(json, at);
    }
  }
  return undefined;
}

/** The index of the quote that closes the string opened at `start`; the end of the text where none does. */
function endOfString(json: string, start: number): number {
  let at = json.indexOf('"', start + 1);
  while (at >= 0 && isEscaped(json, at)) at = json.indexOf('"', at + 1);
  return at < 0 ? json.length : at;
}

function isEscaped(json: string, at: number): boolean {
  let backslashes = 0;
  while (json.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes += 1;
  return backslashes % 2 === 1;
}

/**
 * A key that could pollute a prototype, wherever it stands in the value, or nothing. The text spares most messages the
 * walk.
 */
export function pollutingKey(json: string, value: unknown): string | undefined {
  const possible = json.includes('\\u') || POLLUTING_KEYS.some(key => json.includes(key));
  return possible ? findPollutingKey(value) : undefined;
}

function findPollutingKey(value: unknown): string | undefined {
  if (Array.isArray(value)) return firstDefined(value, findPollutingKey);
  if (!isJsonObject(value)) return undefined;
  return (
    POLLUTING_KEYS.find(key => Object.hasOwn(value, key)) ??
    firstDefined(Object.values(value), findPollutingKey)
  );
}

function firstDefined<T>(items: readonly T[], find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
