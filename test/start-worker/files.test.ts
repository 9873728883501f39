/** Files from the worker pool's definition and from secrets, through the built program. */
import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { listAll, modeOf } from '../support/files.ts';
import { NEEDS_ROOT } from '../support/shell.ts';
import { temporaryFolder } from '../support/temp.ts';
import {
  assertRefused,
  bootWithSources,
  fileEntry,
  poolWith,
  zipEntry,
  type BootSources,
} from '../support/boot-with-sources.ts';
import { makeZip } from '../support/zip.ts';

void test('files come from pool and secret in order, the last of a path stands, and the log holds no content', async t => {
  const folder = await temporaryFolder(t);
  const path = (name: string) => join(folder, name);
  const text = 'hunter2, a content that nobody shall read in a log';
  const wrapped = Buffer.from(text.repeat(5)).toString('base64').replace(/.{60}/g, '$&\r\n');
  const { code, stderr, workerConfig } = await bootWithSources(t, {
    pool: poolWith(
      fileEntry(path('both'), 'from the pool', { mode: '0644' }),
      fileEntry(path('twice'), 'first'),
      fileEntry(path('twice'), 'second'),
      fileEntry(path('new/folder/tool'), text, { description: 'the tool of the pool' }),
    ),
    secret: {
      files: [
        fileEntry(path('both'), 'from the secret'),
        { ...fileEntry(path('wrapped'), ''), content: wrapped, description: 'a long key' },
        fileEntry(path('public'), text, { mode: '0644' }),
        fileEntry(path('setuid'), '', { mode: '4711' }),
      ],
    },
    oldSecret: {
      config: {},
      files: [fileEntry(path('both'), 'from the old secret'), fileEntry(path('old'), 'old')],
    },
  });
  assert.equal(code, 0, stderr);
  assert.ok(workerConfig);
  const written = {
    both: ['from the secret', '600'],
    twice: ['second', '755'],
    'new/folder/tool': [text, '755'],
    wrapped: [text.repeat(5), '600'],
    public: [text, '644'],
    setuid: ['', '4711'],
    old: ['old', '600'],
  };
  for (const [name, expected] of Object.entries(written)) {
    assert.deepEqual([await readFile(path(name), 'utf8'), await modeOf(path(name))], expected, name);
  }
  assert.equal(await modeOf(path('new/folder')), '755');
  assert.match(stderr, /wrote file .*tool; description: the tool of the pool; .*source: provider\n/);
  assert.match(stderr, /wrote file .*wrapped; description: a long key; .*source: secret worker-pool:/);
  const order = [...stderr.matchAll(/wrote file \S*\/(\w+)/g)].map(([, name]) => name).join(' ');
  assert.equal(order, 'both twice twice tool both old both wrapped public setuid');
  for (const shown of [
    text,
    'hunter2',
    wrapped.slice(0, 20),
    Buffer.from(text).toString('base64').slice(4, 30),
  ]) {
    assert.ok(!stderr.includes(shown), `${shown} is in the log`);
  }
});

void test(
  'owner sets user and group of files and of folders that are made',
  { skip: NEEDS_ROOT },
  async t => {
    const folder = await temporaryFolder(t);
    const file = join(folder, 'new/file');
    const { code, stderr } = await bootWithSources(t, {
      pool: poolWith(
        fileEntry(file, 'x', { owner: '1234:5678' }),
        zipEntry(join(folder, 'zip'), [{ name: 'a/b' }, { name: 'link', content: 'a', mode: 0o120777 }], {
          owner: '1234',
        }),
      ),
    });
    assert.equal(code, 0, stderr);
    for (const path of [file, join(folder, 'new')]) {
      const { uid, gid } = await stat(path);
      assert.deepEqual([uid, gid], [1234, 5678]);
    }
    for (const name of ['zip', 'zip/a', 'zip/a/b', 'zip/link']) {
      assert.equal((await stat(join(folder, name))).uid, 1234, name);
    }
  },
);

const BROKEN = makeZip([{ name: 'file', content: 'x'.repeat(1000) }])
  .toString('base64')
  .slice(0, 40);
for (const [what, entry, text] of [
  [
    'content that is not base64',
    { content: 'hunter2 is not base64!' },
    /file ".*\/file" of provider: content is not base64/,
  ],
  ['content that was cut', { content: 'aHVudGVyMg' }, /no multiple of 4/],
  ['content that is no zip', { content: 'aHVudGVyMg==', format: 'zip' }, /content is no zip archive/],
  ['a zip that was cut', { content: BROKEN, format: 'zip' }, /content is no zip archive/],
  [
    'an unknown encoding',
    { encoding: 'hex' },
    /files\[0\] \(".*\/file"\): encoding must be "base64", but is "hex"/,
  ],
  ['an unknown format', { format: 'tar' }, /format must be "file" or "zip", but is "tar"/],
  ['a mode that is no quoted octal', { mode: 420 }, /mode must be quoted octal, such as "0644", but is 420/],
  ['an unknown owner', { owner: 'nobody-of-this-name' }, /the user "nobody-of-this-name" is not in/],
  ['content that is no text', { content: 8675309 }, /files\[0\] \(".*\/file"\): content must be string/],
  ['an unknown key', { contents: 'hunter2' }, /unknown key "contents"/],
  ['a path that is no text', { path: 17 }, /files\[0\]: path must be/],
] as const) {
  void test(`${what} is refused with its place, and neither it nor a file before it is written`, async t => {
    const folder = await temporaryFolder(t);
    const wrong = { ...fileEntry(join(folder, 'file'), 'x'), ...entry };
    const result = await bootWithSources(t, {
      pool: poolWith(wrong),
      secret: { files: [fileEntry(join(folder, 'b'), 'x')] },
    });
    assertRefused(result, 'badSource', text);
    assert.doesNotMatch(result.stderr, /hunter2|aHVudGVyMg|8675309/);
    assert.deepEqual(await listAll(folder), []);
  });
}

void test('files that are no list are refused with the name of their source', async t => {
  for (const options of [
    { pool: { genericWorker: { files: { path: 'hunter2' } } } },
    { secret: { files: 'hunter2' } },
    { secret: { config: {}, files: ['hunter2'] } },
  ] satisfies BootSources[]) {
    const result = await bootWithSources(t, options);
    assertRefused(
      result,
      'badSource',
      /(provider|secret worker-pool:demo\/laptop): files(\[0\])? must be an (array|object)/,
    );
    assert.doesNotMatch(result.stderr, /hunter2/);
  }
});
