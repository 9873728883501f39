import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';

/** Deeper than anything we let in; the walk and whoever writes its result as JSON must not outgrow the stack. */
const DEEPEST = 500;

const TOO_DEEP = '[nested too deep to be shown]';

/**
 * A copy of a value in which each string, key and number by itself has been through `redact`: a replacement in the JSON
 * text could leave no JSON. A scalar that is no string is looked at as JSON writes it (a PIN may come as a number), and
 * becomes a string only where something in it was replaced. What is nested too deep to be looked at is left out.
 */
export function redactJson(value: JsonObject, redact: (text: string) => string): JsonObject;
export function redactJson(value: JsonValue, redact: (text: string) => string): JsonValue;
export function redactJson(value: JsonValue, redact: (text: string) => string): JsonValue {
  function walk(current: JsonValue, depth: number): JsonValue {
    if (typeof current === 'string') return redact(current);
    if (typeof current !== 'object' || current === null) return redactScalar(current, redact);
    if (depth > DEEPEST) return TOO_DEEP;
    if (!isJsonObject(current)) return current.map(item => walk(item, depth + 1));
    // fromEntries defines what it is given: a key `__proto__` stays a key.
    return Object.fromEntries(
      Object.entries(current).map(([key, inner]) => [redact(key), walk(inner, depth + 1)]),
    );
  }
  return walk(value, 0);
}

function redactScalar(value: number | boolean | null, redact: (text: string) => string): JsonValue {
  const json = JSON.stringify(value);
  const redacted = redact(json);
  return redacted === json ? value : redacted;
}
