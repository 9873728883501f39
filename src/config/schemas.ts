/** The schemas as the runner itself looks at them: for defaults, allowed keys and names, and what to say about them. */
import { isJsonObject } from '../json.ts';
import limits from '../../schemas/limits.json' with { type: 'json' };
import lifecycle from '../../schemas/lifecycle.json' with { type: 'json' };
import loggingFile from '../../schemas/logging-file.json' with { type: 'json' };
import loggingJson from '../../schemas/logging-json.json' with { type: 'json' };
import loggingStdio from '../../schemas/logging-stdio.json' with { type: 'json' };
import network from '../../schemas/network.json' with { type: 'json' };
import providerStandalone from '../../schemas/provider-standalone.json' with { type: 'json' };
import providerStatic from '../../schemas/provider-static.json' with { type: 'json' };
import runnerConfig from '../../schemas/runner-config.json' with { type: 'json' };
import values from '../../schemas/values.json' with { type: 'json' };
import workerDummy from '../../schemas/worker-dummy.json' with { type: 'json' };
import workerGenericWorker from '../../schemas/worker-generic-worker.json' with { type: 'json' };

/** What this code knows of a JSON Schema. */
export interface Schema {
  readonly $id?: string;
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly required?: readonly string[];
  readonly discriminator?: { readonly propertyName: string };
  readonly oneOf?: readonly Schema[];
}

export const topSchema: Schema = runnerConfig;
export const schemas = { limits, lifecycle, loggingFile, network } as const satisfies Record<string, Schema>;

const byFile: ReadonlyMap<string, Schema> = new Map(
  [
    limits,
    lifecycle,
    loggingFile,
    loggingJson,
    loggingStdio,
    network,
    providerStandalone,
    providerStatic,
    workerDummy,
    workerGenericWorker,
  ].map((schema: Schema) => [schema.$id ?? '', schema]),
);

const valueKinds: Readonly<Record<string, Schema>> = values.definitions;
const VALUE_REF = 'values.json#/definitions/';

/** Follows a reference to a schema of its own (`network.json`); everything else stays as it is. */
function resolved(schema: Schema | undefined): Schema | undefined {
  return schema?.$ref === undefined ? schema : (byFile.get(schema.$ref) ?? schema);
}

/** The name of a shared kind of text (`duration`, `size`, …) that a property is of. */
export function valueKind(schema: Schema | undefined): string | undefined {
  return schema?.$ref?.startsWith(VALUE_REF) === true ? schema.$ref.slice(VALUE_REF.length) : undefined;
}

/** What a shared kind of text looks like, as a noun phrase. */
export function valuePhrase(kind: string): string {
  return valueKinds[kind]?.description ?? kind;
}

/** The schema of a section that is the same for everyone: `network`, `limits`, `lifecycle`. */
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
    const others: Schema | undefined =
      typeof schema?.additionalProperties === 'object' ? schema.additionalProperties : undefined;
    schema = resolved(below ?? others);
    if (depth === 0) schema = chosen(config, segment) ?? schema;
  }
  return schema;
}

function chosen(config: unknown, section: string): Schema | undefined {
  const key = choosingKey(section);
  if (key === undefined || !isJsonObject(config)) return undefined;
  const given = config[section];
  const name = isJsonObject(given) ? given[key] : undefined;
  return typeof name === 'string' ? choices(section).get(name) : undefined;
}

/** The defaults that a schema gives its properties. */
export function defaultsOf(schema: Schema): Readonly<Record<string, unknown>> {
  const entries = Object.entries(schema.properties ?? {}).filter(
    ([, property]) => property.default !== undefined,
  );
  return Object.fromEntries(entries.map(([key, property]) => [key, property.default]));
}
