/** Where the parts of a runner config stand in its text. Offsets count characters from the beginning. */

export interface Place {
  /** Where the key stands; absent for list items and for the whole. */
  readonly key?: number;
  readonly value: number;
}

/** By JSON pointer (RFC 6901), as ajv writes it. */
export type Places = ReadonlyMap<string, Place>;

export function pointerTo(parent: string, key: string | number): string {
  return `${parent}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

export function pointerSegments(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map(segment => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** Where a value's key stands, or the value where it has none. */
export function keyOffset(places: Places, pointer: string): number {
  const place = places.get(pointer);
  return place?.key ?? place?.value ?? 0;
}

export function valueOffset(places: Places, pointer: string): number {
  return places.get(pointer)?.value ?? 0;
}
