import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '../../src/json.ts';
import type { ConfigSource } from '../../src/model.ts';
import { mergeSources, type Origin, type Origins } from '../../src/runner/merge.ts';

function source(name: string, config: JsonObject): ConfigSource {
  return { name, config, files: [], secret: false };
}

function merge(...configs: readonly JsonObject[]): JsonObject {
  return mergeSources(configs.map((config, index) => source(`${index}`, config))).config;
}

/** Origins as plain objects: `{key: 'a+b', key: ['a+b', {…}]}`. */
function plain(origins: Origins): Record<string, unknown> {
  const show = ({ sources, keys }: Origin) =>
    keys.size === 0 ? sources.join('+') : [sources.join('+'), plain(keys)];
  return Object.fromEntries(Array.from(origins, ([key, origin]) => [key, show(origin)]));
}

test('no source at all gives an empty configuration', () => {
  assert.deepEqual(mergeSources([]), { config: {}, origins: new Map() });
});

test('the later source wins, also with null, false and an empty text', () => {
  assert.deepEqual(merge({ a: 1, b: 1, c: 1, d: 1 }, { b: null, c: false, d: '' }), {
    a: 1,
    b: null,
    c: false,
    d: '',
  });
});

test('objects are merged, however deep', () => {
  assert.deepEqual(
    merge({ o: { p: { a: 1, b: 1 } } }, { o: { p: { b: 2 }, q: 2 } }, { o: { p: { c: 3 } } }),
    {
      o: { p: { a: 1, b: 2, c: 3 }, q: 2 },
    },
  );
});

test('arrays are concatenated in the order of the sources, with what stands twice', () => {
  assert.deepEqual(merge({ a: [1, { x: 1 }] }, { a: [] }, { a: [{ x: 2 }, 1] }), {
    a: [1, { x: 1 }, { x: 2 }, 1],
  });
});

test('where the kinds differ the later wins as a whole', () => {
  assert.deepEqual(merge({ a: [1], b: { c: 1 }, d: 'x' }, { a: { b: 2 }, b: [2], d: ['y'] }), {
    a: { b: 2 },
    b: [2],
    d: ['y'],
  });
});

test('keys of every object are keys like any other, __proto__ too', () => {
  const evil = JSON.parse(
    '{"__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}, "toString": 1}',
  ) as JsonObject;
  const { config, origins } = mergeSources([
    source('a', evil),
    source('b', JSON.parse('{"__proto__": {"more": 2}}') as JsonObject),
  ]);
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
  assert.equal(Object.getPrototypeOf(config), Object.prototype);
  assert.equal(
    JSON.stringify(config),
    '{"__proto__":{"polluted":1,"more":2},"constructor":{"prototype":{"polluted":1}},"toString":1}',
  );
  assert.deepEqual(origins.get('__proto__')?.sources, ['a', 'b']);
});

test('the inputs stay as they are', () => {
  const lower = { a: [1], o: { p: { x: 1 } } };
  const higher = { a: [2], o: { p: { y: 2 } } };
  const before = JSON.stringify([lower, higher]);
  merge(lower, higher);
  assert.equal(JSON.stringify([lower, higher]), before);
});

test('the origins mirror the configuration and name who set what', () => {
  const { origins } = mergeSources([
    source('runner config', { kept: 1, won: 1, list: [1], object: { low: 1, both: 1 }, replaced: { x: 1 } }),
    source('provider', { won: 2, list: [2], object: { both: 2, nested: { new: 2 } }, replaced: 'y' }),
    source('secret worker-pool:a/b', { list: [], replaced: { z: 3 } }),
  ]);
  assert.deepEqual(plain(origins), {
    kept: 'runner config',
    won: 'provider',
    list: 'runner config+provider+secret worker-pool:a/b',
    object: [
      'runner config+provider',
      { low: 'runner config', both: 'provider', nested: ['provider', { new: 'provider' }] },
    ],
    replaced: ['secret worker-pool:a/b', { z: 'secret worker-pool:a/b' }],
  });
});

test('a source that comes twice is named once', () => {
  const { origins } = mergeSources([source('a', { list: [1] }), source('a', { list: [2] })]);
  assert.deepEqual(plain(origins), { list: 'a' });
});
