/** What stands at a path of keys, where anything does. */
export function valueAt(value: unknown, segments: readonly string[]): unknown {
  let current = value;
  for (const segment of segments) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = Object.hasOwn(current, segment)
      ? (current as Readonly<Record<string, unknown>>)[segment]
      : undefined;
  }
  return current;
}
