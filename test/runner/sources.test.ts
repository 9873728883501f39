import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunnerError } from '../../src/errors.ts';
import { providerSource, runnerConfigSource, secretSource } from '../../src/runner/sources.ts';

const file = { path: '/a', content: 'aGk=', encoding: 'base64', format: 'file' };

function refuses(work: () => unknown, code: string, words: RegExp): void {
  assert.throws(work, error => {
    assert.ok(error instanceof RunnerError);
    assert.equal(error.code, code);
    assert.equal(error.exit, 'badSource');
    assert.match(error.message, words);
    return true;
  });
}

function unexpected(warning: string): void {
  assert.fail(warning);
}

test('the runner config is plain configuration', () => {
  const config = { config: 1, files: 2 };
  assert.deepEqual(runnerConfigSource(config), { name: 'runner config', config, files: [], secret: false });
});

test('a provider nests configuration and files under the name of the worker implementation', () => {
  assert.deepEqual(
    providerSource({ genericWorker: { config: { a: 1 }, files: [file] } }, 'genericWorker', unexpected),
    {
      name: 'provider',
      config: { a: 1 },
      files: [file],
      secret: false,
    },
  );
});

test('every part of nested configuration may be absent or empty', () => {
  const nothing = { name: 'provider', config: {}, files: [], secret: false };
  for (const section of [null, {}, { config: null }, { files: null }, { config: {}, files: [] }]) {
    assert.deepEqual(providerSource({ genericWorker: section }, 'genericWorker', unexpected), nothing);
  }
  assert.deepEqual(providerSource({}, 'genericWorker', unexpected), nothing);
});

test('a provider that has other keys, or the name of another worker, is the deprecated flat form', () => {
  for (const config of [
    { a: 1 },
    { genericWorker: { config: {} }, a: 1 },
    { dockerWorker: { config: {} } },
    { config: {}, files: [] },
  ]) {
    assert.deepEqual(providerSource(config, 'genericWorker', unexpected), {
      name: 'provider',
      config,
      files: [],
      secret: false,
    });
  }
});

test('a key in the wrong place of provider configuration is ignored with a warning', () => {
  const warnings: string[] = [];
  const section = { config: { a: 1 }, numberOfTasksToRun: 3 };
  const source = providerSource(
    { genericWorker: section },
    'genericWorker',
    text => void warnings.push(text),
  );
  assert.deepEqual(source.config, { a: 1 });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /^provider: genericWorker has keys that are ignored: numberOfTasksToRun;/);
});

test('wrong shapes of provider configuration are refused with their place', () => {
  const read = (section: never) => () =>
    providerSource({ genericWorker: section }, 'genericWorker', unexpected);
  refuses(read('x' as never), 'source.shape', /^provider: genericWorker must be an object, but is a string$/);
  refuses(
    read({ config: [1] } as never),
    'source.shape',
    /^provider: genericWorker.config must be an object, but is an array$/,
  );
  refuses(read({ files: {} } as never), 'files.entry', /^provider: files must be an array$/);
});

test('a secret of config and files is of the new kind', () => {
  assert.deepEqual(secretSource('worker-pool:a/b', { config: { a: 1 }, files: [file] }), {
    name: 'secret worker-pool:a/b',
    config: { a: 1 },
    files: [file],
    secret: true,
  });
  const nothing = { name: 'secret worker-pool:a/b', config: {}, files: [], secret: true };
  for (const secret of [{}, { config: null }, { files: null, config: {} }]) {
    assert.deepEqual(secretSource('worker-pool:a/b', secret), nothing);
  }
});

test('a secret with any other key is configuration as a whole', () => {
  for (const secret of [{ a: 1 }, { config: { a: 1 }, b: 2 }, { files: 'a list of files', b: 2 }]) {
    assert.deepEqual(secretSource('worker-type:a/b', secret), {
      name: 'secret worker-type:a/b',
      config: secret,
      files: [],
      secret: true,
    });
  }
});

test('wrong shapes of a secret are refused without their values', () => {
  refuses(
    () => secretSource('s', { config: 'hunter2' }),
    'source.shape',
    /^secret s: config must be an object, but is a string$/,
  );
  refuses(() => secretSource('s', { files: 'hunter2' }), 'files.entry', /^secret s: files must be an array$/);
});
