import assert from 'node:assert/strict';
import AdmZip from 'adm-zip';
import { lstat, mkdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeFiles } from '../../src/files/write-files.ts';
import { fromPool, fromSecret, LIMITS, listAll, modeOf, write } from '../support/files.ts';
import { temporaryFolder } from '../support/temp.ts';
import { makeZip } from '../support/zip.ts';

const zip = { format: 'zip' } as const;

test('a zip is unpacked into a folder that is made, and one line is logged', async t => {
  const folder = await temporaryFolder(t);
  const target = join(folder, 'new/target');
  const archive = makeZip([
    { name: 'top.txt', content: 'top' },
    { name: 'deep/er/file.txt', content: 'deep' },
    { name: 'empty/' },
    { name: 'stored', content: 'as it is', method: 0 },
    { name: 'nothing', content: '' },
  ]);
  const lines = await write([fromPool(target, archive, { ...zip, description: 'tools' })]);
  assert.deepEqual(await listAll(target), [
    'deep',
    'deep/er',
    'deep/er/file.txt',
    'empty',
    'nothing',
    'stored',
    'top.txt',
  ]);
  assert.equal(await readFile(join(target, 'deep/er/file.txt'), 'utf8'), 'deep');
  assert.equal(await readFile(join(target, 'stored'), 'utf8'), 'as it is');
  assert.deepEqual(lines, [
    {
      message: `unpacked an archive at ${target}`,
      fields: { description: 'tools', entries: 4, format: 'zip', size: 15, source: 'provider' },
    },
  ]);
});

test('an archive of a usual tool is unpacked', async t => {
  const folder = await temporaryFolder(t);
  const archive = new AdmZip();
  archive.addFile('bin/tool', Buffer.from('#!/bin/sh\n'), '', 0o755);
  archive.addFile('grüße.txt', Buffer.from('hallo'.repeat(1000)));
  await write([fromPool(folder, archive.toBuffer(), zip)]);
  assert.equal(await modeOf(join(folder, 'bin/tool')), '755');
  assert.equal((await readFile(join(folder, 'grüße.txt'))).length, 5000);
});

test('an archive without entries makes its folder', async t => {
  const folder = await temporaryFolder(t);
  await write([fromPool(join(folder, 'empty'), makeZip([]), zip)]);
  assert.deepEqual(await listAll(folder), ['empty']);
});

test('entries keep their permissions less write for others and less setuid; `mode` overrides them', async t => {
  const folder = await temporaryFolder(t);
  const archive = makeZip([
    { name: 'tool', mode: 0o106777 },
    { name: 'read-only', mode: 0o100444 },
    { name: 'sticky', mode: 0o101622 },
    { name: 'windows' },
  ]);
  const modes = async (target: string) =>
    Object.fromEntries(
      await Promise.all(
        (await listAll(target)).map(async name => [name, await modeOf(join(target, name))] as const),
      ),
    );
  const path = (name: string) => join(folder, name);
  await write([
    fromPool(path('pool'), archive, zip),
    fromSecret(path('secret'), archive, zip),
    fromSecret(path('fixed'), archive, { ...zip, mode: '0640' }),
  ]);
  const archived = { 'read-only': '444', sticky: '600', tool: '755' };
  assert.deepEqual(await modes(path('pool')), { ...archived, windows: '755' });
  assert.deepEqual(await modes(path('secret')), { ...archived, windows: '600' });
  assert.deepEqual(new Set(Object.values(await modes(path('fixed')))), new Set(['640']));
  assert.equal(await modeOf(path('secret')), '755');
});

test(
  'an owner gets all files and all folders that are made',
  { skip: process.geteuid?.() !== 0 },
  async t => {
    const folder = await temporaryFolder(t);
    await mkdir(join(folder, 'old'));
    await write([fromPool(folder, makeZip([{ name: 'old/new/file' }]), { ...zip, owner: '1234:5678' })]);
    assert.equal((await stat(join(folder, 'old'))).uid, 0);
    assert.equal((await stat(join(folder, 'old/new'))).uid, 1234);
    assert.equal((await stat(join(folder, 'old/new/file'))).gid, 5678);
  },
);

test('a backslash separates, as archives from Windows have it', async t => {
  const folder = await temporaryFolder(t);
  await write([
    fromPool(folder, makeZip([{ name: 'a\\b.txt' }, { name: 'empty\\' }, { name: './c//d' }]), zip),
  ]);
  assert.deepEqual(await listAll(folder), ['a', 'a/b.txt', 'c', 'c/d', 'empty']);
});

test('a symlink inside the target is followed where it stays inside, as on a system whose /bin is /usr/bin', async t => {
  const root = await temporaryFolder(t);
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  await symlink('usr/bin', join(root, 'bin'));
  await symlink('usr/bin/late', join(root, 'dangling'));
  await writeFile(join(root, 'usr/bin/old'), 'old');
  await symlink(join(root, 'usr/bin/old'), join(root, 'absolute'));
  const archive = makeZip([
    { name: 'bin/tool', content: 'tool' },
    { name: 'absolute', content: 'new' },
    { name: 'dangling', content: 'late' },
    { name: 'bin/' },
  ]);
  await write([fromPool(root, archive, zip)]);
  assert.ok((await lstat(join(root, 'bin'))).isSymbolicLink());
  assert.equal(await readFile(join(root, 'usr/bin/tool'), 'utf8'), 'tool');
  assert.equal(await readFile(join(root, 'usr/bin/old'), 'utf8'), 'new');
  assert.equal(await readFile(join(root, 'usr/bin/late'), 'utf8'), 'late');
});

test('symlinks of an archive are made where they lead to a place inside the target', async t => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'lib'));
  await writeFile(join(folder, 'lib/older'), 'an older file');
  await symlink('/etc', join(folder, 'current'));
  const links = {
    'bin/tool': '../lib/tool-1',
    'lib/older': 'tool-1',
    current: './lib',
    'new/folder/up': '../..',
    dangling: 'not/yet',
    here: '.',
  };
  const lines = await write([
    fromPool(
      folder,
      makeZip([
        ...Object.entries(links).map(([name, content]) => ({ name, content, mode: 0o120777 })),
        { name: 'lib/tool-1', content: 'a tool', mode: 0o100755 },
      ]),
      { format: 'zip', mode: '0600' },
    ),
  ]);
  for (const [name, target] of Object.entries(links)) {
    assert.equal(await readlink(join(folder, name)), target);
  }
  assert.equal(await readFile(join(folder, 'bin/tool'), 'utf8'), 'a tool');
  assert.equal(await readFile(join(folder, 'current/older'), 'utf8'), 'a tool');
  assert.equal(lines[0]?.fields?.entries, 7);
});

test('an archive can be unpacked to /', { skip: process.geteuid?.() !== 0 }, async t => {
  const folder = await temporaryFolder(t);
  await write([fromPool('/', makeZip([{ name: `${folder.slice(1)}/file`, content: 'x' }]), zip)]);
  assert.equal(await readFile(join(folder, 'file'), 'utf8'), 'x');
});

test('a file written after a zip stands, and so does a zip after a file', async t => {
  const folder = await temporaryFolder(t);
  const archive = makeZip([{ name: 'file', content: 'zip', mode: 0o100644 }]);
  await write([fromPool(folder, archive, zip), fromSecret(join(folder, 'file'), 'single')]);
  assert.equal(await readFile(join(folder, 'file'), 'utf8'), 'single');
  assert.equal(await modeOf(join(folder, 'file')), '600');
  await write([fromSecret(join(folder, 'file'), 'single'), fromPool(folder, archive, zip)]);
  assert.equal(await readFile(join(folder, 'file'), 'utf8'), 'zip');
});

test('a signal while an archive is unpacked removes what there is of it', async t => {
  const folder = await temporaryFolder(t);
  const stop = new AbortController();
  const reason = new Error('SIGTERM came');
  const archive = makeZip(Array.from({ length: 50 }, (_, index) => ({ name: `${index}`, content: 'x' })));
  const done = writeFiles(
    [fromPool(join(folder, 'new'), archive, zip)],
    LIMITS,
    { info: () => undefined },
    stop.signal,
  );
  setImmediate(() => stop.abort(reason));
  await assert.rejects(done, error => error === reason);
  assert.deepEqual(await listAll(folder), []);
});
