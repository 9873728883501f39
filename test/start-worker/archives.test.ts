/** Zip archives from the worker pool's definition and from secrets, through the built program. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, readlink, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { listAll, modeOf } from '../support/files.ts';
import { temporaryFolder } from '../support/temp.ts';
import {
  assertRefused,
  bootWithSources,
  fileEntry,
  poolWith,
  zipEntry,
} from '../support/boot-with-sources.ts';
import type { ZipEntry } from '../support/zip.ts';

void test('a zip is unpacked with its folders, modes and symlinks, through a symlink that stands inside the target', async t => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'usr/bin'), { recursive: true, mode: 0o750 });
  await symlink('usr/bin', join(folder, 'bin'));
  const { code, stderr } = await bootWithSources(t, {
    secret: {
      files: [
        zipEntry(
          folder,
          [
            { name: 'bin/tool', content: 'hunter2', mode: 0o106777 },
            { name: 'etc/', mode: 0o040700 },
            { name: 'etc/secret', content: 'hunter2', mode: 0o100640 },
            { name: 'windows\\file', content: 'hunter2' },
            { name: 'bin/current', content: 'tool', mode: 0o120777 },
          ],
          { description: 'all of it' },
        ),
      ],
    },
  });
  assert.equal(code, 0, stderr);
  assert.equal(await readFile(join(folder, 'usr/bin/tool'), 'utf8'), 'hunter2');
  assert.equal(await readlink(join(folder, 'usr/bin/current')), 'tool');
  assert.deepEqual(
    await Promise.all(
      ['usr/bin/tool', 'usr/bin', 'etc', 'etc/secret', 'windows/file'].map(name =>
        modeOf(join(folder, name)),
      ),
    ),
    ['755', '750', '755', '640', '600'],
  );
  assert.match(stderr, /unpacked an archive at .*; description: all of it; entries: 4;/);
  assert.doesNotMatch(stderr, /hunter2/);
});

void test('an archive is unpacked again at the next boot, over its own files and symlinks', async t => {
  const folder = await temporaryFolder(t);
  const entries = (content: string): ZipEntry[] => [
    { name: 'current', content, mode: 0o120777 },
    { name: 'bin/tool', content: '../new/tool', mode: 0o120777 },
    { name: 'old/tool', content: 'old' },
    { name: 'new/tool', content: 'new' },
  ];
  for (const target of ['old', 'new']) {
    const { code, stderr } = await bootWithSources(t, { pool: poolWith(zipEntry(folder, entries(target))) });
    assert.equal(code, 0, stderr);
    assert.equal(await readFile(join(folder, 'current/tool'), 'utf8'), target);
    assert.equal(await readFile(join(folder, 'bin/tool'), 'utf8'), 'new');
  }
  assert.deepEqual((await readdir(folder)).sort(), ['bin', 'current', 'new', 'old']);
  assert.deepEqual(await readdir(join(folder, 'bin')), ['tool']);
});

void test('an archive that would leave its target is refused, and nothing of it is left', async t => {
  const folder = await temporaryFolder(t);
  const target = join(folder, 'target');
  await mkdir(target);
  await mkdir(join(folder, 'outside'));
  await symlink('../outside', join(target, 'out'));
  const before = await listAll(folder);
  const good: ZipEntry = { name: 'good/file', content: 'x' };
  const link = (name: string, content: string): ZipEntry => ({ name, content, mode: 0o120777 });
  for (const entries of [
    [good, { name: '../evil' }],
    [good, { name: '/tmp/worker-runner-test-evil' }],
    [good, { name: 'C:\\evil' }],
    [good, { name: '..\\evil' }],
    [good, { name: 'out/evil' }],
    [good, link('absolute', '/etc')],
    [good, link('up', '..')],
    [good, link('through', 'out/evil')],
    [good, link('way', 'good'), { name: 'way/file' }],
  ] satisfies readonly ZipEntry[][]) {
    const result = await bootWithSources(t, { pool: poolWith(zipEntry(target, entries)) });
    assertRefused(
      result,
      'badSource',
      /error: zip ".*\/target" of provider: .*(would leave the folder|needs a folder)/,
    );
    assert.deepEqual(await listAll(folder), before);
  }
});

void test('an archive that says less than it holds is stopped where it says more', async t => {
  const folder = await temporaryFolder(t);
  const bomb = { name: 'bomb', content: Buffer.alloc(50_000_000), size: 10 };
  const result = await bootWithSources(t, { pool: poolWith(zipEntry(folder, [{ name: 'good' }, bomb])) });
  assertRefused(result, 'badSource', /entry "bomb" is damaged/);
  assert.deepEqual(await listAll(folder), []);
});

for (const [limit, text] of [
  [{ fileEntries: 2 }, /limits\.fileEntries allows 2/],
  [{ fileSize: '99B' }, /limits\.fileSize allows 99/],
  [{ filesTotal: '150B' }, /limits\.filesTotal allows 150/],
] as const) {
  void test(`${JSON.stringify(limit)} in the runner config is held to, and nothing is left of an archive beyond it`, async t => {
    const folder = await temporaryFolder(t);
    const entries = ['a', 'b'].map(name => ({ name, content: 'x'.repeat(100) }));
    const files = poolWith(zipEntry(join(folder, 'zip'), [...entries, { name: 'c' }]));
    assertRefused(await bootWithSources(t, { pool: files, config: { limits: limit } }), 'badSource', text);
    assert.deepEqual(await listAll(folder), []);
    const plain = ['a', 'b', 'c'].map(name => fileEntry(join(folder, name), 'x'.repeat(100)));
    assertRefused(
      await bootWithSources(t, { pool: poolWith(...plain), config: { limits: limit } }),
      'badSource',
      text,
    );
    assert.deepEqual(await listAll(folder), []);
  });
}
