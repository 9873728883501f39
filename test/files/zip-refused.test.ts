import assert from 'node:assert/strict';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import type { RunnerError } from '../../src/errors.ts';
import type { FileLimits } from '../../src/files/files.ts';
import { fromPool, LIMITS, listAll, refused, write } from '../support/files.ts';
import { temporaryFolder } from '../support/temp.ts';
import { makeZip, type ZipEntry } from '../support/zip.ts';

const good: ZipEntry = { name: 'good/file', content: 'fine' };

/** Unpacks into a folder that does not exist, expects a refusal, and that neither it nor anything else is there. */
async function refuses(
  t: TestContext,
  bytes: Buffer,
  code: string | RegExp,
  limits: FileLimits = LIMITS,
): Promise<RunnerError> {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'bystander'), 'untouched');
  const work = write([fromPool(join(folder, 'new/target'), bytes, { format: 'zip' })], limits);
  const error = await refused(work, code);
  assert.equal(error.exit, 'badSource');
  assert.match(error.message, /^zip ".*new\/target" of provider: /);
  assert.deepEqual(await listAll(folder), ['bystander']);
  return error;
}

test('names that could leave the target are refused', async t => {
  for (const name of [
    '../evil',
    'a/../../evil',
    'a/..',
    '/etc/evil',
    '\\evil',
    '..\\evil',
    'C:\\evil',
    'c:evil',
    '//host/share',
  ]) {
    const error = await refuses(t, makeZip([good, { name }]), 'files.zip-escape');
    assert.ok(error.message.includes(JSON.stringify(name)), error.message);
  }
});

test('names that no file can have are refused', async t => {
  for (const name of ['', 'a\0b', Buffer.from([0x61, 0xff])]) {
    await refuses(t, makeZip([good, { name }]), 'files.zip-name');
  }
});

test('devices and FIFOs in an archive are refused', async t => {
  await refuses(t, makeZip([good, { name: 'null', mode: 0o020666 }]), 'files.zip-type');
  await refuses(t, makeZip([good, { name: 'fifo', mode: 0o010666 }]), 'files.zip-type');
});

test('symlinks in an archive that could lead out of the target are refused', async t => {
  for (const content of ['/etc', '..', '../', 'a/../..', './../evil', '../../x']) {
    await refusesLink(t, { name: 'link', content });
  }
  await refusesLink(t, { name: 'a/link', content: '../..' });
  for (const content of ['', 'a\0b', Buffer.from([0xff]), 'good/../good']) {
    await refusesLink(t, { name: 'link', content });
  }
  await refusesLink(t, { name: 'link', content: 'x'.repeat(5000) });
  await refusesLink(t, { name: 'link', content: 'good', size: 3 });
});

async function refusesLink(t: TestContext, entry: ZipEntry): Promise<void> {
  const archive = makeZip([good, { ...entry, mode: 0o120777 }]);
  const error = await refuses(t, archive, /^files\.zip-(escape|link|content)$/);
  assert.ok(error.message.includes(`entry ${JSON.stringify(entry.name)}`), error.message);
}

test('an entry below a symlink of its archive is refused, and so are two of one name', async t => {
  const link: ZipEntry = { name: 'link', content: 'good', mode: 0o120777 };
  for (const name of ['link/file', 'link']) {
    await refuses(t, makeZip([good, link, { name }]), 'files.zip-duplicate');
    await refuses(t, makeZip([good, { name, content: 'x', mode: 0o120777 }, link]), 'files.zip-duplicate');
  }
});

test('a symlink in an archive does not lead out by way of one on the disk, nor replace a folder', async t => {
  const folder = await temporaryFolder(t);
  const target = join(folder, 'target');
  await mkdir(join(target, 'deep/folder'), { recursive: true });
  await symlink('..', join(target, 'out'));
  await symlink('deep/folder', join(target, 'in'));
  const before = await listAll(folder);
  for (const [name, content, code] of [
    ['link', 'out/file', 'files.zip-escape'],
    ['out/link', 'target', 'files.zip-escape'],
    ['in/link', '../../..', 'files.zip-escape'],
    ['deep', 'in', 'files.write'],
  ] as const) {
    const archive = makeZip([good, { name, content, mode: 0o120777 }]);
    await refused(write([fromPool(target, archive, { format: 'zip' })]), code);
    assert.deepEqual(await listAll(folder), before);
  }
});

test('a symlink on the disk that leads out of the target is not followed, neither as folder nor as file', async t => {
  const folder = await temporaryFolder(t);
  const target = join(folder, 'target');
  await mkdir(join(folder, 'outside'));
  await mkdir(target);
  await writeFile(join(folder, 'outside/file'), 'untouched');
  await symlink('../outside', join(target, 'folder'));
  await symlink('../outside/file', join(target, 'file'));
  await symlink('../outside/new', join(target, 'dangling'));
  const before = await listAll(folder);
  for (const name of ['folder/file', 'folder/', 'folder/new', 'file', 'dangling']) {
    await refused(
      write([fromPool(target, makeZip([good, { name }]), { format: 'zip' })]),
      'files.zip-escape',
    );
  }
  assert.deepEqual(await listAll(folder), before);
  assert.equal(await readFile(join(folder, 'outside/file'), 'utf8'), 'untouched');
});

test('an encrypted entry and an unknown compression are refused', async t => {
  await refuses(t, makeZip([good, { name: 'a', flags: 1 }]), 'files.zip-encrypted');
  const error = await refuses(t, makeZip([good, { name: 'a', method: 93 }]), 'files.zip-method');
  assert.match(error.message, /method 93/);
});

test('two entries of one name, or a file that is also a folder, are refused', async t => {
  for (const [one, other] of [
    ['a', 'a'],
    ['a/b', 'a//b'],
    ['a', './a'],
    ['a', 'a/b'],
    ['a/b/c', 'a'],
    ['a', 'a/'],
  ] as const) {
    await refuses(t, makeZip([good, { name: one }, { name: other }]), 'files.zip-duplicate');
  }
});

test('what is no zip, or only a part of one, is refused', async t => {
  const whole = makeZip([good, { name: 'b', content: 'x'.repeat(1000) }]);
  await refuses(t, Buffer.alloc(0), 'files.zip');
  await refuses(t, Buffer.from('this is no archive at all, but long enough to look like one'), 'files.zip');
  for (let length = 1; length < whole.length; length += 7) {
    await refuses(t, whole.subarray(0, length), 'files.zip');
  }
});

test('content that does not fit its checksum or its size is refused, after other entries were unpacked', async t => {
  await refuses(t, makeZip([good, { name: 'a', content: 'x', crc: 1 }]), 'files.zip-content');
  await refuses(t, makeZip([good, { name: 'a', content: 'xyz', size: 2 }]), 'files.zip-content');
  await refuses(t, makeZip([good, { name: 'a', content: 'xyz', size: 4 }]), 'files.zip-content');
  await refuses(t, makeZip([good, { name: 'a', content: 'xyz', size: 2, method: 0 }]), 'files.zip-content');
  const cut = deflateRawSync(Buffer.from('a content of some length')).subarray(0, 10);
  await refuses(t, makeZip([good, { name: 'a', compressed: cut }]), 'files.zip-content');
  await refuses(
    t,
    makeZip([good, { name: 'a', compressed: Buffer.from('no deflate') }]),
    'files.zip-content',
  );
});

test('one damaged entry among many leaves none of the others', async t => {
  const many = Array.from({ length: 60 }, (_, index) => ({
    name: `d${index % 5}/f${index}`,
    content: 'fine',
  }));
  await refuses(
    t,
    makeZip([...many.slice(0, 30), { name: 'bad', crc: 1 }, ...many.slice(30)]),
    'files.zip-content',
  );
});

test('an archive with a flipped byte is unpacked right, or refused and gone', async t => {
  const whole = makeZip([good, { name: 'b', content: 'some content', mode: 0o100644 }]);
  for (let index = 0; index < whole.length; index += 1) {
    const folder = await temporaryFolder(t);
    const broken = Buffer.from(whole);
    broken[index] = (broken[index] ?? 0) ^ 0x55;
    const target = join(folder, 'target');
    const failed = await write([fromPool(target, broken, { format: 'zip' })]).then(
      () => undefined,
      (error: unknown) => error as RunnerError,
    );
    if (failed === undefined) continue;
    assert.ok(failed.exit === 'badSource' || failed.exit === 'files', failed.message);
    assert.deepEqual(await listAll(folder), [], failed.message);
  }
});

test('an archive with too much in it is refused before it is unpacked', async t => {
  const entries = Array.from({ length: LIMITS.fileEntries + 1 }, (_, index) => ({ name: `${index}` }));
  assert.match((await refuses(t, makeZip(entries), 'files.limit')).message, /limits.fileEntries allows 100/);
  const limits = { ...LIMITS, fileSizeBytes: 2000, filesTotalBytes: 3000 };
  const two = [
    { name: 'a', content: Buffer.alloc(1900) },
    { name: 'b', content: Buffer.alloc(1900) },
  ];
  assert.match(
    (await refuses(t, makeZip(two), 'files.limit', limits)).message,
    /limits.filesTotal allows 3000/,
  );
  const big = [{ name: 'big', content: Buffer.alloc(2001) }];
  assert.match((await refuses(t, makeZip(big), 'files.limit', limits)).message, /"big" has 2001 bytes/);
});

test('a bomb that lies about its size ends as soon as it says more', async t => {
  const bomb = deflateRawSync(Buffer.alloc(64 * 1024 * 1024));
  const before = process.memoryUsage().arrayBuffers;
  await refuses(t, makeZip([{ name: 'bomb', compressed: bomb, size: 10 }]), 'files.zip-content');
  assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024);
});

test('very long and very deep names are refused before they cost memory', async t => {
  const names = ['a', 'b', 'c', 'd'].map(letter => `${letter}/`.repeat(32_000));
  const error = await refuses(t, makeZip(names.map(name => ({ name: `${name}file` }))), 'files.zip-name');
  assert.match(error.message, /64004 bytes/);
  await refuses(t, makeZip([{ name: `${'a/'.repeat(2000)}file` }]), 'files.zip-name');
});
