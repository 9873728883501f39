/** The shapes of parsed JSON. What comes from outside is `unknown` until a schema has spoken; then it is one of these. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Whether a value is a mapping: neither null, nor an array, nor a scalar. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Calls `visit` with every string of a value that is no key. */
export function visitStrings(value: JsonValue, visit: (text: string) => void): void {
  // A list instead of recursion: a hostile document may be nested deeper than the stack.
  const open: JsonValue[] = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next === 'string') visit(next);
    else if (typeof next === 'object' && next !== null)
      for (const inner of Object.values(next) as readonly JsonValue[]) open.push(inner);
  }
}
