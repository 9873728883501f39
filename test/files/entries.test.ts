import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunnerError } from '../../src/errors.ts';
import { readFileEntries } from '../../src/files/entries.ts';
import type { JsonValue } from '../../src/json.ts';

const good = { path: '/a', content: 'aGk=', encoding: 'base64', format: 'file' };

function mistakes(value: JsonValue): readonly string[] {
  try {
    readFileEntries(value, 'provider');
  } catch (error) {
    assert.ok(error instanceof RunnerError);
    assert.equal(error.code, 'files.entry');
    assert.equal(error.exit, 'badSource');
    return error.details.length === 0 ? [error.message] : error.details;
  }
  return assert.fail('nothing was refused');
}

test('entries of the right shape are taken as they are, and nothing means no files', () => {
  const full = { ...good, format: 'zip', description: 'd', mode: '0644', owner: 'root:root' };
  assert.deepEqual(readFileEntries([good, full], 'provider'), [good, full]);
  assert.deepEqual(readFileEntries(undefined, 'provider'), []);
  assert.deepEqual(readFileEntries(null, 'provider'), []);
  assert.deepEqual(readFileEntries([], 'provider'), []);
});

test('a wrong entry is named by source, index and path, with the wrong value', () => {
  const one = (change: JsonValue) => mistakes([good, { ...good, ...(change as object) }]);
  assert.deepEqual(one({ mode: 644 }), [
    'provider: files[1] ("/a"): mode must be quoted octal, such as "0644", but is 644',
  ]);
  assert.deepEqual(one({ mode: '0999' }), [
    'provider: files[1] ("/a"): mode must be quoted octal, such as "0644", but is "0999"',
  ]);
  assert.deepEqual(one({ format: 'tar' }), [
    'provider: files[1] ("/a"): format must be "file" or "zip", but is "tar"',
  ]);
  assert.deepEqual(one({ encoding: null }), [
    'provider: files[1] ("/a"): encoding must be "base64", but is null',
  ]);
  assert.deepEqual(one({ owner: 'a:b:c' }), [
    'provider: files[1] ("/a"): owner must be "user" or "user:group", but is "a:b:c"',
  ]);
  assert.deepEqual(one({ path: '' }), ['provider: files[1] (""): path must be a text that is not empty']);
  assert.deepEqual(one({ mod: '0644' }), ['provider: files[1] ("/a") has an unknown key "mod"']);
});

test('missing keys and wrong kinds are named', () => {
  assert.deepEqual(mistakes('x'), ['provider: files must be an array']);
  assert.deepEqual(mistakes([[]]), ['provider: files[0] must be an object']);
  assert.deepEqual(mistakes([{ path: '/a', format: 'file', encoding: 'base64' }]), [
    'provider: files[0] ("/a") lacks content',
  ]);
});

test('no part of a long value is shown: half a secret would not be found by the redactor', () => {
  const key = 'a:b:-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJT';
  for (const name of ['mode', 'owner', 'encoding', 'format']) {
    const [mistake = ''] = mistakes([{ ...good, [name]: key }]);
    assert.ok(mistake.endsWith(`, but is ${key.length} characters`), mistake);
  }
  const [steering = ''] = mistakes([{ ...good, owner: 'a:b:\u001b' }]);
  assert.match(steering, /, but is 5 characters$/);
});

test('all mistakes are told at once, and none repeats content', () => {
  const all = mistakes([{ path: '/a', content: 42424242, description: ['hunter2'] }, null]);
  assert.equal(all.length, 5);
  assert.ok(!/4242|hunter2/.test(all.join('\n')), all.join('\n'));
});
