/** Words for what was found and for what is allowed. */
import { isJsonObject } from '../json.ts';
import { looksSecret } from '../secret-keys.ts';
import { valueKind, valuePhrase, type Schema } from './schemas.ts';
import { spellBytes, spellSeconds } from './units.ts';

/** Tokens and secrets of Taskcluster have 44 characters or 22: one that was put in a wrong place is not shown. */
const LONGEST_SHOWN = 21;

/**
 * What was found: a short value itself, the length of a longer one; of anything at or below a key that looks secret,
 * and of what is no scalar, the kind alone.
 */
export function found(segments: readonly string[], value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  const hidden = segments.some(looksSecret);
  if (typeof value === 'string') return hidden ? 'a text' : shownText(value);
  if (typeof value === 'number') return hidden ? 'a number' : `the number ${value}`;
  return hidden || typeof value !== 'boolean' ? 'true or false' : String(value);
}

function shownText(text: string): string {
  if (text.length > LONGEST_SHOWN) return `a text of ${text.length} characters`;
  // What looks like a URL may hold a password or a token.
  if (text.includes('@')) return 'a text with @ in it';
  if (/:\/\/.*[?#]/.test(text)) return 'a URL with a query or fragment';
  return `the text ${JSON.stringify(text)}`;
}

/** What is allowed, as the end of a sentence that begins with "must be". */
export function allowed(schema: Schema | undefined): string {
  const kind = valueKind(schema);
  if (kind !== undefined) return valuePhrase(kind);
  if (schema?.const !== undefined) return JSON.stringify(schema.const);
  if (schema?.enum !== undefined) return oneOf(schema.enum.map(String));
  if (Array.isArray(schema?.type)) return 'a command as a text without quotes, or as a list of words';
  switch (schema?.type) {
    case 'boolean':
      return 'true or false';
    case 'integer':
      return `a whole number${range(schema)}`;
    case 'object':
      return 'a mapping (key: value)';
    case 'string':
      return schema.minLength === undefined ? 'a text' : 'a text that is not empty';
    case undefined:
    default:
      return 'something else';
  }
}

function range(schema: Schema): string {
  if (schema.minimum === undefined) return '';
  return schema.maximum === undefined
    ? ` of at least ${schema.minimum}`
    : ` from ${schema.minimum} to ${schema.maximum}`;
}

export function oneOf(names: readonly string[]): string {
  return names.length === 1 ? `${names[0]}` : `one of ${names.join(', ')}`;
}

/** The spelling that was probably meant, as a sentence of its own; empty where nobody can tell. */
export function meant(schema: Schema | undefined, value: unknown): string {
  const kind = valueKind(schema);
  if (kind === 'duration' || kind === 'size') return meantQuantity(kind, value);
  if (schema?.type === 'boolean') return meantBoolean(value);
  if (kind === 'file') {
    return '; write one such as /var/lib/worker-runner/cache.json, or leave the key out for none';
  }
  const isText = [schema?.type].flat().includes('string') || kind !== undefined;
  if (!isText || isJsonObject(value) || Array.isArray(value) || value === null) return '';
  if (typeof value === 'string') return '';
  return '; put it in quotes';
}

function meantQuantity(kind: 'duration' | 'size', value: unknown): string {
  const number = typeof value === 'string' && /^[0-9]+$/.test(value) ? Number(value) : value;
  if (typeof number !== 'number') return '';
  const spelled = kind === 'duration' ? spellSeconds(number) : spellBytes(number);
  const unit = kind === 'duration' ? 'seconds' : 'bytes';
  return spelled === undefined ? '' : `; write ${spelled} if you mean ${unit}`;
}

function meantBoolean(value: unknown): string {
  if (typeof value !== 'string') return '';
  if (/^(yes|on|y|true)$/i.test(value)) return '; write true (in YAML 1.2 this is a text)';
  if (/^(no|off|n|false)$/i.test(value)) return '; write false (in YAML 1.2 this is a text)';
  return '';
}

/** A key for a message. What does not look like one may be a piece of a secret that lost its indentation. */
export function shownKey(key: string): string {
  return /^[\w .$<>-]{1,30}$/.test(key) ? JSON.stringify(key) : `of ${key.length} characters`;
}
