import { validateRunnerConfig } from '../generated/validators.js';
import type { RunnerConfig as RunnerConfigFile } from '../generated/types.ts';
import { complaints, type SchemaError } from '../validator.ts';
import { isJsonObject } from '../json.ts';
import { allowed, found, meant, oneOf, shownKey } from './describe.ts';
import { impossibleValues } from './impossible.ts';
import type { Mistake } from './mistakes.ts';
import { keyOffset, pointerSegments, pointerTo, valueOffset, type Places } from './places.ts';
import { choices, choosingKey, partOf, schemaAt, topSchema, type Schema } from './schemas.ts';
import { sameFiles } from './same-file.ts';
import { suggest } from './suggest.ts';
import { valueAt } from './value-at.ts';

export type Validated =
  | { readonly kind: 'valid'; readonly file: RunnerConfigFile }
  | { readonly kind: 'invalid'; readonly mistakes: readonly Mistake[] };

/**
 * Holds a config against schemas/runner-config.json and tells every mistake at once, in the words of a person.
 * @param path of the runner config
 */
export function validate(value: unknown, path: string, places: Places): Validated {
  if (!isJsonObject(value)) return { kind: 'invalid', mistakes: [noMapping(value, places)] };
  const errors = complaints(validateRunnerConfig, value);
  const misspelled = misspelledKeys(errors, value);
  const context = { value, places, misspelled };
  const mistakes = withoutEchoes(errors, misspelled).map(error => mistakeOf(error, context));
  mistakes.push(...impossibleValues(value, places), ...sameFiles(value, path, places));
  if (mistakes.length === 0 && validateRunnerConfig(value)) return { kind: 'valid', file: value };
  return { kind: 'invalid', mistakes };
}

/** Of what is no mapping only the kind is told: the whole file may be one secret. */
function noMapping(value: unknown, places: Places): Mistake {
  const kind = typeof value === 'string' ? 'a text' : found(['secret'], value);
  return {
    offset: valueOffset(places, ''),
    text: `a runner config is a mapping (provider: …, worker: …); found ${kind}`,
  };
}

interface Context {
  readonly value: unknown;
  readonly places: Places;
  /** What each unknown key was probably meant to be, by the key's JSON pointer. */
  readonly misspelled: ReadonlyMap<string, string>;
}

function misspelledKeys(errors: readonly SchemaError[], value: unknown): ReadonlyMap<string, string> {
  const meantKeys = new Map<string, string>();
  for (const error of errors) {
    const key = error.params.additionalProperty;
    if (typeof key !== 'string') continue;
    const segments = pointerSegments(error.instancePath);
    if (homeOf(key, segments) !== undefined) continue;
    const known = suggest(key, keysOf(schemaAt(value, segments)));
    if (known !== undefined) meantKeys.set(pointerTo(error.instancePath, key), known);
  }
  return meantKeys;
}

/** The complaints less those that only repeat another one. */
function withoutEchoes(
  errors: readonly SchemaError[],
  misspelled: ReadonlyMap<string, string>,
): SchemaError[] {
  // A key that stands there misspelled is not missing.
  const present = new Set([...misspelled].map(([pointer, known]) => pointerTo(parentOf(pointer), known)));
  const told = new Set<string>();
  return errors.filter(error => {
    if (error.keyword === 'required') {
      return !present.has(pointerTo(error.instancePath, String(error.params.missingProperty)));
    }
    if (error.keyword === 'additionalProperties') return true;
    // A value of the wrong type may break other rules too: one sentence says them all.
    const isNew = !told.has(error.instancePath);
    told.add(error.instancePath);
    return isNew;
  });
}

function parentOf(pointer: string): string {
  return pointer.slice(0, pointer.lastIndexOf('/'));
}

function mistakeOf(error: SchemaError, context: Context): Mistake {
  if (error.keyword === 'additionalProperties') return unknownKey(error, context);
  if (error.keyword === 'required') return missingKey(error, context);
  if (error.keyword === 'discriminator') return wrongChoice(error, context);
  return wrongValue(error, context);
}

function unknownKey(error: SchemaError, { value, places, misspelled }: Context): Mistake {
  const key = String(error.params.additionalProperty);
  const pointer = pointerTo(error.instancePath, key);
  const offset = keyOffset(places, pointer);
  const segments = pointerSegments(error.instancePath);
  if (pointer === '/worker/service') {
    return {
      offset,
      text: 'worker.service (a Windows service) comes in a later release: this one runs worker.path',
    };
  }
  const text = `unknown key ${shownKey(key)}${segments.length === 0 ? '' : ` in ${segments.join('.')}`}`;
  const known = misspelled.get(pointer);
  if (known !== undefined) return { offset, text: `${text}; did you mean ${known}?` };
  const schema = schemaAt(value, segments);
  if (segments[0] === 'provider' && keysOf(schema).length === 1) {
    return {
      offset,
      text: `${text}; on a cloud the metadata service says who this machine is: providerType is the only key`,
    };
  }
  const home = homeOf(key, segments);
  if (home !== undefined) return { offset, text: `${text}; it belongs under ${home}` };
  return { offset, text: `${text}; allowed: ${allowedKeys(schema)}` };
}

/** Where a key would be known that stands in the wrong place: under another choice of its section, or in another one. */
function homeOf(key: string, [own]: readonly string[]): string | undefined {
  const choice = own === undefined ? undefined : choiceWith(own, key);
  if (own !== undefined && choice !== undefined) return `${own}.${choosingKey(own)}: ${choice}`;
  const others = Object.keys(topSchema.properties ?? {}).filter(section => section !== own);
  return others.find(section => {
    return choiceWith(section, key) !== undefined || keysOf(partOf(section)).includes(key);
  });
}

function choiceWith(section: string, key: string): string | undefined {
  return [...choices(section)].find(([, part]) => keysOf(part).includes(key))?.[0];
}

function missingKey(error: SchemaError, { value, places }: Context): Mistake {
  const key = String(error.params.missingProperty);
  const segments = pointerSegments(error.instancePath);
  const schema = schemaAt(value, [...segments, key]);
  const description = schema?.description === undefined ? '' : `: ${schema.description.split(/(?<=\.) /)[0]}`;
  const where = segments.length === 0 ? 'the runner config' : segments.join('.');
  return {
    offset: keyOffset(places, error.instancePath),
    text: `${where} lacks the key ${key}${description}`,
  };
}

function wrongChoice(error: SchemaError, { places }: Context): Mistake {
  const [section = ''] = pointerSegments(error.instancePath);
  const key = choosingKey(section) ?? '';
  const names = [...choices(section).keys()];
  const pointer = pointerTo(error.instancePath, key);
  const given = error.params.tagValue;
  if (!places.has(pointer)) {
    return {
      offset: keyOffset(places, error.instancePath),
      text: `${section} lacks the key ${key}; allowed: ${names.join(', ')}`,
    };
  }
  const offset = valueOffset(places, pointer);
  const name = `${section}.${key}`;
  const known = typeof given === 'string' ? suggest(given, names) : undefined;
  const advice = known === undefined ? '' : `; did you mean ${known}?`;
  return { offset, text: `${name} must be ${oneOf(names)}; found ${found([section, key], given)}${advice}` };
}

function wrongValue(error: SchemaError, { value, places }: Context): Mistake {
  const segments = pointerSegments(error.instancePath);
  const schema = schemaAt(value, segments);
  const given = valueAt(value, segments);
  const offset = valueOffset(places, error.instancePath);
  const name = segments.length === 0 ? 'the runner config' : segments.map(plainKey).join('.');
  // The schemas say "not" of one thing only: a zero with a unit.
  const wanted = error.keyword === 'not' ? 'above 0' : allowed(schema);
  const advice = meant(schema, given);
  return { offset, text: `${name} must be ${wanted}; found ${found(segments, given)}${advice}` };
}

function plainKey(key: string): string {
  return /^[\w$-]+$/.test(key) ? key : shownKey(key);
}

function keysOf(schema: Schema | undefined): string[] {
  return Object.keys(schema?.properties ?? {}).filter(key => key !== '$schema');
}

/** The keys for a sentence; in words where there is only a pattern for them. */
function allowedKeys(schema: Schema | undefined): string {
  const patterns = Object.values(schema?.patternProperties ?? {}).map(({ description = '' }) => description);
  return [...patterns, ...keysOf(schema)].join(', ');
}
