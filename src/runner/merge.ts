/** How the sources of worker configuration become one: later wins, objects are merged, arrays are joined. */
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import type { ConfigSource } from '../model.ts';

/** Who set a value of the merged configuration. */
export interface Origin {
  /** The names of the sources that the value came from, lowest precedence first: several for a merged object or array. */
  readonly sources: readonly string[];
  /** The same for each key of an object; empty for every other value. */
  readonly keys: Origins;
}

/** Mirrors a configuration object: an origin for each of its keys. A Map, since a key may be called `__proto__`. */
export type Origins = ReadonlyMap<string, Origin>;

export interface MergedConfig {
  readonly config: JsonObject;
  readonly origins: Origins;
}

/**
 * Merges the configuration of all sources, given in their order of precedence, lowest first: objects recursively,
 * arrays concatenated, of anything else the later stands (facts: merge rule). The inputs stay as they are, and a key
 * `__proto__` is a key like any other.
 */
export function mergeSources(sources: readonly ConfigSource[]): MergedConfig {
  const nothing: MergedConfig = { config: {}, origins: new Map() };
  return sources.reduce<MergedConfig>(
    (merged, source) =>
      mergeObjects(merged, { config: source.config, origins: originsOf(source.config, source.name) }),
    nothing,
  );
}

/** The origins of a configuration that came from one source alone. */
function originsOf(config: JsonObject, source: string): Origins {
  return new Map(
    Object.entries(config).map(([key, value]) => [
      key,
      { sources: [source], keys: isJsonObject(value) ? originsOf(value, source) : new Map() },
    ]),
  );
}

interface Sourced {
  readonly value: JsonValue;
  readonly origin: Origin;
}

function mergeObjects(lower: MergedConfig, higher: MergedConfig): MergedConfig {
  const merged = entries(lower);
  for (const [key, value] of entries(higher)) {
    const below = merged.get(key);
    merged.set(key, below === undefined ? value : mergeValues(below, value));
  }
  return {
    // fromEntries defines its keys, so that `__proto__` is an own key and sets no prototype.
    config: Object.fromEntries(Array.from(merged, ([key, { value }]) => [key, value])),
    origins: new Map(Array.from(merged, ([key, { origin }]) => [key, origin])),
  };
}

function entries({ config, origins }: MergedConfig): Map<string, Sourced> {
  const result = new Map<string, Sourced>();
  for (const [key, value] of Object.entries(config)) {
    const origin = origins.get(key);
    if (origin !== undefined) result.set(key, { value, origin });
  }
  return result;
}

function mergeValues(lower: Sourced, higher: Sourced): Sourced {
  const sources = [...new Set([...lower.origin.sources, ...higher.origin.sources])];
  if (Array.isArray(lower.value) && Array.isArray(higher.value)) {
    const value: readonly JsonValue[] = [...(lower.value as JsonValue[]), ...(higher.value as JsonValue[])];
    return { value, origin: { sources, keys: new Map() } };
  }
  if (isJsonObject(lower.value) && isJsonObject(higher.value)) {
    const { config, origins } = mergeObjects(
      { config: lower.value, origins: lower.origin.keys },
      { config: higher.value, origins: higher.origin.keys },
    );
    return { value: config, origin: { sources, keys: origins } };
  }
  return higher;
}
