/** The schemas as the runner itself looks at them: for defaults, allowed keys and names, and what to say about them. */
import { isJsonObject } from '../json.ts';
import configSchemas from '../generated/config-schemas.json' with { type: 'json' };

/** What this code knows of a JSON Schema. */
export interface Schema {
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly required?: readonly string[];
  readonly discriminator?: { readonly propertyName: string };
  readonly oneOf?: readonly Schema[];
  readonly items?: Schema;
}

/** Every schema that the runner config is made of, by its file name, as `$ref` names it. */
const byFile: Readonly<Record<string, Schema>> = configSchemas;
export const topSchema: Schema = configSchemas['runner-config.json'];
const valueKinds: Readonly<Record<string, Schema>> = configSchemas['values.json'].definitions;
const VALUE_REF = 'values.json#/definitions/';

/** Follows a reference to a schema of its own (`network.json`); everything else stays as it is. */
function resolved(schema: Schema | undefined): Schema | undefined {
  return schema?.$ref === undefined ? schema : (byFile[schema.$ref] ?? schema);
}

/** The name of a shared kind of text (`duration`, `size`, …) that a property is of. */
export function valueKind(schema: Schema | undefined): string | undefined {
  return schema?.$ref?.startsWith(VALUE_REF) === true ? schema.$ref.slice(VALUE_REF.length) : undefined;
}

/** What a shared kind of text looks like, as a noun phrase. */
export function valuePhrase(kind: string): string {
  return valueKinds[kind]?.description ?? kind;
}

/** The schema of a section that is the same for everyone: `network`, `limits`, `lifecycle`, … */
export function partOf(section: string): Schema | undefined {
  return resolved(topSchema.properties?.[section]);
}

/** The key that chooses among the schemas of a section: `providerType` for provider. */
export function choosingKey(section: string): string | undefined {
  return topSchema.properties?.[section]?.discriminator?.propertyName;
}

/** The names that a section can be chosen by (`static`, `standalone`) with the schema behind each. */
export function choices(section: string): ReadonlyMap<string, Schema> {
  const schema = topSchema.properties?.[section];
  const key = choosingKey(section);
  const found = new Map<string, Schema>();
  if (key === undefined) return found;
  for (const choice of schema?.oneOf ?? []) {
    const part = resolved(choice);
    const name = part?.properties?.[key]?.const;
    if (part !== undefined && typeof name === 'string') found.set(name, part);
  }
  return found;
}

/**
 * The schema that a value of the config stands under: `['provider', 'rootURL']`. The schema of a section with choices
 * is the one that the config chose; none where the choice is unknown or where anything is allowed.
 */
export function schemaAt(config: unknown, segments: readonly string[]): Schema | undefined {
  let schema: Schema | undefined = topSchema;
  for (const [depth, segment] of segments.entries()) {
    const below: Schema | undefined = Object.hasOwn(schema?.properties ?? {}, segment)
      ? schema?.properties?.[segment]
      : undefined;
    schema = resolved(below ?? othersOf(schema, segment));
    if (depth === 0) schema = chosen(config, segment) ?? schema;
  }
  return schema;
}

/** The schema of a key that has none of its own, or of a list's item. */
function othersOf(schema: Schema | undefined, segment: string): Schema | undefined {
  const patterns = Object.entries(schema?.patternProperties ?? {});
  const matching = patterns.find(([pattern]) => new RegExp(pattern).test(segment))?.[1];
  if (matching !== undefined) return matching;
  return typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : schema?.items;
}

function chosen(config: unknown, section: string): Schema | undefined {
  const key = choosingKey(section);
  if (key === undefined || !isJsonObject(config)) return undefined;
  const given = config[section];
  const name = isJsonObject(given) ? given[key] : undefined;
  return typeof name === 'string' ? choices(section).get(name) : undefined;
}

/** The defaults that a schema gives its properties. */
export function defaultsOf(schema: Schema | undefined): Readonly<Record<string, unknown>> {
  const entries = Object.entries(schema?.properties ?? {}).filter(
    ([, property]) => property.default !== undefined,
  );
  return Object.fromEntries(entries.map(([key, property]) => [key, property.default]));
}
