/** How the sources of worker configuration become the worker's config file, through the built program. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import type { JsonObject } from '../../src/json.ts';
import { WORKER } from '../support/simulator.ts';
import { bootWithSources, type BootSources } from '../support/boot-with-sources.ts';

/** What generic-worker's own keys are; every source may set them in vain. */
const OWN_KEYS = new Set(
  'rootURL clientId accessToken certificate workerGroup workerId provisionerId workerType workerLocation workerTypeMetadata'.split(
    ' ',
  ),
);

function withoutOwnKeys(config: JsonObject | undefined): JsonObject {
  return Object.fromEntries(Object.entries(config ?? {}).filter(([key]) => !OWN_KEYS.has(key)));
}

const merges: readonly {
  readonly what: string;
  readonly sources: BootSources;
  readonly expected: JsonObject;
}[] = [
  {
    what: 'objects are merged however deep, arrays joined in the order of the sources, and of all else the later stands',
    sources: {
      config: {
        workerConfig: {
          a: { b: { c: 1, list: [1, [2]] } },
          list: ['x'],
          kind: [1],
          scalar: 1,
          only: 'runner',
        },
      },
      pool: {
        genericWorker: {
          config: { a: { b: { d: 2, list: [{ e: 3 }] } }, kind: { now: 'object' }, scalar: '2' },
        },
      },
      oldSecret: { config: { a: { b: 'text' }, list: [] } },
      secret: { config: { a: { b: { f: 4 } }, list: ['x', null], kind: 'text', scalar: [3] } },
    },
    expected: {
      a: { b: { f: 4 } },
      list: ['x', 'x', null],
      kind: 'text',
      scalar: [3],
      only: 'runner',
    },
  },
  {
    what: 'arrays below a key that all sources share are joined, duplicates and all',
    sources: {
      config: { workerConfig: { a: { b: [1, [2]] } } },
      pool: { genericWorker: { config: { a: { b: [{ c: 3 }, 1] } } } },
      secret: { config: { a: { b: [], d: [1] } } },
    },
    expected: { a: { b: [1, [2], { c: 3 }, 1], d: [1] } },
  },
  {
    what: 'null, false, zero and an empty text stand above what was there, and null gives way to what comes later',
    sources: {
      config: { workerConfig: { a: 1, b: { c: 1 }, d: [1], e: 'x', f: null, g: null } },
      pool: { genericWorker: { config: { a: null, b: null, d: false, e: '' } } },
      secret: { config: { f: { x: 1 }, g: [1], a: 0 } },
    },
    expected: { a: 0, b: null, d: false, e: '', f: { x: 1 }, g: [1] },
  },
  {
    what: 'a pool in the deprecated flat form is configuration as a whole',
    sources: { pool: { idleTimeoutSecs: 5, deep: { config: { x: 1 } }, files: ['no file'] } },
    expected: { idleTimeoutSecs: 5, deep: { config: { x: 1 } }, files: ['no file'] },
  },
  {
    what: 'genericWorker with other keys beside it is the flat form',
    sources: { pool: { genericWorker: { config: { a: 1 } }, b: 2 } },
    expected: { genericWorker: { config: { a: 1 } }, b: 2 },
  },
  {
    what: "another worker's name is the flat form too",
    sources: { pool: { dockerWorker: { config: { a: 1 } } } },
    expected: { dockerWorker: { config: { a: 1 } } },
  },
  {
    what: 'a pool and a secret whose config and files are empty or null set nothing',
    sources: {
      pool: { genericWorker: { config: null, files: null } },
      oldSecret: {},
      secret: { config: {}, files: [] },
    },
    expected: {},
  },
  {
    what: 'a flat secret is configuration as a whole, and stands above the older secret of the new form',
    sources: { oldSecret: { config: { a: 'old', b: 1 } }, secret: { a: 'new', config: { x: 1 } } },
    expected: { a: 'new', b: 1, config: { x: 1 } },
  },
  {
    what: 'a secret with config alone is of the new form',
    sources: { secret: { config: { a: 1 } } },
    expected: { a: 1 },
  },
  {
    what: 'secrets that are not there, expired ones and an old one that is forbidden set nothing',
    sources: { config: { workerConfig: { a: 1 } }, oldSecret: 403, secret: 410 },
    expected: { a: 1 },
  },
  {
    what: 'the nested form of the pool is plain configuration in the runner config',
    sources: { config: { workerConfig: { genericWorker: { config: { a: 1 } } } } },
    expected: { genericWorker: { config: { a: 1 } } },
  },
  {
    what: 'keys such as constructor are keys like any other',
    sources: {
      config: { workerConfig: { constructor: { a: 1 }, toString: 'x', 'a.b': 1, '': 2 } },
      secret: { config: { constructor: { b: 2 }, hasOwnProperty: null } },
    },
    expected: { constructor: { a: 1, b: 2 }, toString: 'x', 'a.b': 1, '': 2, hasOwnProperty: null },
  },
];

for (const { what, sources, expected } of merges) {
  void test(what, async t => {
    const { code, stderr, workerConfig } = await bootWithSources(t, sources);
    assert.equal(code, 0, stderr);
    assert.deepEqual(withoutOwnKeys(workerConfig), expected);
  });
}

void test('no source has a say in who the worker is; only workerTypeMetadata is merged', async t => {
  const mine = {
    rootURL: 'http://127.0.0.1:9',
    clientId: 'mine',
    accessToken: 'mine',
    certificate: 'mine',
    workerGroup: 'mine',
    workerId: 'mine',
    provisionerId: 'mine',
    workerType: 'mine',
    workerLocation: 'mine',
  };
  const { code, stderr, workerConfig } = await bootWithSources(t, {
    config: { workerConfig: { ...mine, workerTypeMetadata: { a: 1, b: [1] } } },
    pool: { genericWorker: { config: { ...mine, workerTypeMetadata: { c: 2 } } } },
    secret: { config: { ...mine, workerTypeMetadata: { b: [2] } } },
  });
  assert.equal(code, 0, stderr);
  const { workerTypeMetadata, ...rest } = workerConfig ?? {};
  assert.deepEqual(workerTypeMetadata, { a: 1, b: [1, 2], c: 2 });
  assert.ok(!Object.values(rest).includes('mine'), JSON.stringify(Object.keys(rest)));
  assert.equal(rest.workerId, WORKER.workerId);
});

void test('keys beside config and files of a pool are ignored with one warning that names them', async t => {
  const { code, stderr, workerConfig } = await bootWithSources(t, {
    pool: { genericWorker: { config: { a: 1 }, idleTimeoutSecs: 5 } },
  });
  assert.equal(code, 0, stderr);
  assert.deepEqual(withoutOwnKeys(workerConfig), { a: 1 });
  assert.equal(stderr.match(/warning: .*ignored: idleTimeoutSecs/g)?.length, 1);
});

for (const [sources, text] of [
  [{ pool: { genericWorker: 'hunter2' } }, /provider: genericWorker must be an object, but is a string/],
  [
    { pool: { genericWorker: { config: ['hunter2'] } } },
    /provider: genericWorker\.config must be an object, but is an array/,
  ],
  [
    { secret: { config: 'hunter2' } },
    /secret worker-pool:demo\/laptop: config must be an object, but is a string/,
  ],
  [
    { oldSecret: { config: 8675309 } },
    /secret worker-type:demo\/laptop: config must be an object, but is a number/,
  ],
] as const) {
  void test(`${String(text)} is told of a source of a wrong shape, without its value`, async t => {
    const { code, stderr, workerConfig } = await bootWithSources(t, sources);
    assert.equal(code, EXIT_CODES.badSource.code, stderr);
    assert.match(stderr, text);
    assert.match(stderr, /error: what to do: /);
    assert.doesNotMatch(stderr, /hunter2|8675309/);
    assert.equal(workerConfig, undefined, 'the worker was started');
  });
}
