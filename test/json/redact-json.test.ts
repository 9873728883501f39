import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type JsonObject, type JsonValue, visitStrings } from '../../src/json.ts';
import { redactJson } from '../../src/redact-json.ts';

const redact = (text: string): string => text.replaceAll('12345678', '[secret]');

/** As JSON.parse makes it, which is not recursive: deeper than any stack. */
function nested(depth: number): JsonValue {
  return JSON.parse(`${'['.repeat(depth)}"12345678"${']'.repeat(depth)}`) as JsonValue;
}

test('a secret goes from strings, keys and numbers, and all else stays as it is', () => {
  const value = { 'a 12345678': ['b12345678', 12345678, -123456780.5, 7, true, null, { c: '' }] };
  assert.deepEqual(redactJson(value, redact), {
    'a [secret]': ['b[secret]', '[secret]', '-[secret]0.5', 7, true, null, { c: '' }],
  });
});

test('a key __proto__ stays a key', () => {
  const redacted = redactJson(JSON.parse('{"__proto__":{"x":"12345678"}}') as JsonObject, redact);
  assert.equal(JSON.stringify(redacted), '{"__proto__":{"x":"[secret]"}}');
  assert.equal(Object.getPrototypeOf(redacted), Object.prototype);
});

test('a value nested deeper than the stack is cut, not let through', () => {
  const text = JSON.stringify(redactJson(nested(100_000), redact));
  assert.match(text, /^\[+"\[nested too deep to be shown\]"\]+$/);
  assert.equal(JSON.stringify(redactJson(nested(100), redact)).replace(/\[\[+|\]\]+/g, ''), '"[secret]"');
});

test('every string of a value is visited, at any depth', () => {
  const seen: string[] = [];
  visitStrings({ a: 'one', b: ['two', 2, null, { two: 'three' }], deep: nested(100_000) }, text => {
    seen.push(text);
  });
  assert.deepEqual(seen.sort(), ['12345678', 'one', 'three', 'two']);
});
