/** `files` sections as they arrive, checked against schemas/files.json. */
import { validateFiles } from '../generated/validators.js';
import { RunnerError } from '../errors.ts';
import { isJsonObject, type JsonValue } from '../json.ts';
import type { FileEntry } from '../model.ts';
import { complaints, type SchemaError } from '../validator.ts';

/** Keys whose value a complaint may show. */
const SHOWN_KEYS: readonly string[] = ['encoding', 'format', 'mode', 'owner'];

/** A value that stands where it should not, such as a whole key in place of an owner, is seldom so short and plain. */
const PLAIN_VALUE = /^[\w:.,=+ -]{0,20}$/;

/** What is right, for the keys where the schema's own words say little. */
const EXPECTED: Readonly<Record<string, string>> = {
  encoding: 'must be "base64"',
  format: 'must be "file" or "zip"',
  mode: 'must be quoted octal, such as "0644"',
  owner: 'must be "user" or "user:group"',
  path: 'must be a text that is not empty',
};

/**
 * Reads a `files` section; nothing (also null, an empty YAML section) means no files.
 * @param source what a person calls the origin, such as `secret worker-pool:a/b`
 * @throws RunnerError `files.entry` with every mistake, each by source, index and path; never any content
 */
export function readFileEntries(value: JsonValue | undefined, source: string): readonly FileEntry[] {
  if (value === undefined || value === null) return [];
  const errors = complaints(validateFiles, value);
  if (errors.length === 0) return value as unknown as readonly FileEntry[];
  const mistakes = [...new Set(errors.map(error => `${source}: ${describe(error, value)}`))];
  const [first = source] = mistakes;
  throw new RunnerError(
    'files.entry',
    mistakes.length === 1 ? first : `${source}: ${mistakes.length} mistakes in files`,
    {
      exit: 'badSource',
      details: mistakes.length === 1 ? [] : mistakes,
      advice: 'correct the files section of the worker pool or the secret',
    },
  );
}

function describe(error: SchemaError, files: JsonValue): string {
  const [, index, key] = error.instancePath.split('/');
  if (index === undefined) return 'files must be an array';
  const entry = Array.isArray(files) ? (files as readonly JsonValue[])[Number(index)] : undefined;
  if (!isJsonObject(entry)) return `files[${index}] must be an object`;
  const where = `files[${index}]${typeof entry.path === 'string' ? ` (${JSON.stringify(entry.path)})` : ''}`;
  if (key === undefined) return `${where} ${describeKeys(error)}`;
  const expected = EXPECTED[key] ?? error.message ?? error.keyword;
  return `${where}: ${key} ${expected}${shown(key, entry[key])}`;
}

function describeKeys({ keyword, params, message }: SchemaError): string {
  if (keyword === 'required') return `lacks ${String(params.missingProperty)}`;
  if (keyword !== 'additionalProperties') return message ?? keyword;
  return `has an unknown key ${JSON.stringify(params.additionalProperty)}`;
}

/**
 * The wrong value, but none that may be content, and none that would have to be cut: half a secret would not be found by
 * the redactor.
 */
function shown(key: string, value: JsonValue | undefined): string {
  if (!SHOWN_KEYS.includes(key) || value === undefined) return '';
  if (typeof value === 'object' && value !== null)
    return `, but is ${Array.isArray(value) ? 'an array' : 'an object'}`;
  if (typeof value === 'string' && !PLAIN_VALUE.test(value)) return `, but is ${value.length} characters`;
  return `, but is ${JSON.stringify(value)}`;
}
