import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, lstat, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { writeFiles } from '../../src/files/write-files.ts';
import { fromPool, fromSecret, LIMITS, listAll, modeOf, refused, write } from '../support/files.ts';
import { temporaryFolder } from '../support/temp.ts';

test('a file is written with the bytes that its base64 stands for, and its folders are made', async t => {
  const folder = await temporaryFolder(t);
  const bytes = Buffer.from([0, 255, 10, 13, 128]);
  await write([fromPool(join(folder, 'a/b/c.bin'), bytes)]);
  assert.deepEqual(await readFile(join(folder, 'a/b/c.bin')), bytes);
  assert.deepEqual(await listAll(folder), ['a', 'a/b', 'a/b/c.bin']);
});

test('an empty file is a file', async t => {
  const folder = await temporaryFolder(t);
  await write([fromPool(join(folder, 'empty'), '')]);
  assert.equal((await stat(join(folder, 'empty'))).size, 0);
});

test('a file from a secret is private, one from the worker pool is 0755, and `mode` says otherwise', async t => {
  const folder = await temporaryFolder(t);
  const path = (name: string) => join(folder, name);
  await write([
    fromSecret(path('secret'), 'x'),
    fromPool(path('pool'), 'x'),
    fromSecret(path('shared'), 'x', { mode: '0644' }),
    fromPool(path('three-digits'), 'x', { mode: '440' }),
  ]);
  assert.deepEqual(
    await Promise.all(['secret', 'pool', 'shared', 'three-digits'].map(name => modeOf(path(name)))),
    ['600', '755', '644', '440'],
  );
});

test('modes hold whatever the umask is', async t => {
  const folder = await temporaryFolder(t);
  const before = process.umask(0o077);
  t.after(() => process.umask(before));
  await write([
    fromPool(join(folder, 'new/pool'), 'x'),
    fromPool(join(folder, 'open'), 'x', { mode: '0666' }),
  ]);
  assert.equal(await modeOf(join(folder, 'new')), '755');
  assert.equal(await modeOf(join(folder, 'new/pool')), '755');
  assert.equal(await modeOf(join(folder, 'open')), '666');
});

test('folders that exist keep their mode', async t => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'mine'));
  await chmod(join(folder, 'mine'), 0o700);
  await write([fromPool(join(folder, 'mine/file'), 'x')]);
  assert.equal(await modeOf(join(folder, 'mine')), '700');
});

test('the last entry of a path stands, with its mode', async t => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'file');
  await write([fromPool(path, 'first'), fromSecret(path, 'second')]);
  assert.equal(await readFile(path, 'utf8'), 'second');
  assert.equal(await modeOf(path), '600');
});

test('an older file is replaced, not written over: who has it open keeps reading the old one', async t => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'file');
  await writeFile(path, 'old', { mode: 0o666 });
  const before = await stat(path);
  await write([fromSecret(path, 'new')]);
  assert.notEqual((await stat(path)).ino, before.ino);
  assert.equal(await modeOf(path), '600');
  assert.deepEqual(await listAll(folder), ['file']);
});

test('a relative path starts at the working directory', async t => {
  const folder = await temporaryFolder(t);
  const before = process.cwd();
  process.chdir(folder);
  t.after(() => process.chdir(before));
  await write([fromPool('here/file', 'x')]);
  assert.deepEqual(await listAll(folder), ['here', 'here/file']);
});

test('a symlink at the path stays, and the file behind it is written, also where it is missing', async t => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'data'));
  await writeFile(join(folder, 'data/real'), 'old');
  await symlink('data/real', join(folder, 'link'));
  await symlink('data/new', join(folder, 'dangling'));
  await write([fromPool(join(folder, 'link'), 'new'), fromPool(join(folder, 'dangling'), 'made')]);
  assert.ok((await lstat(join(folder, 'link'))).isSymbolicLink());
  assert.equal(await readFile(join(folder, 'data/real'), 'utf8'), 'new');
  assert.equal(await readFile(join(folder, 'data/new'), 'utf8'), 'made');
});

test('symlinks in a circle end with a clear error', async t => {
  const folder = await temporaryFolder(t);
  await symlink('b', join(folder, 'a'));
  await symlink('a', join(folder, 'b'));
  const error = await refused(write([fromPool(join(folder, 'a'), 'x')]), 'files.write');
  assert.equal(error.exit, 'files');
  assert.match(error.message, /circle/);
});

test("another user's symlink in a folder like /tmp is not followed", { skip: needsRoot() }, async t => {
  const folder = await temporaryFolder(t);
  await chmod(folder, 0o1777);
  await writeFile(join(folder, 'precious'), 'untouched');
  await symlink('precious', join(folder, 'trap'));
  execFileSync('chown', ['-h', '12345', join(folder, 'trap')]);
  const error = await refused(write([fromPool(join(folder, 'trap'), 'x')]), 'files.write');
  assert.match(error.message, /another user's symlink/);
  assert.equal(await readFile(join(folder, 'precious'), 'utf8'), 'untouched');
});

test(
  'an owner is a name or a number, with or without a group, and gets the folders that are made',
  { skip: needsRoot() },
  async t => {
    const folder = await temporaryFolder(t);
    const owners = { nobody: 'nobody', numbers: '1234:5678', mixed: 'root:4321', alone: '4711' };
    await write(
      Object.entries(owners).map(([name, owner]) =>
        fromSecret(join(folder, 'made', name), 'x', { owner, mode: '4711' }),
      ),
    );
    const ids = async (name: string) => {
      const { uid, gid } = await stat(join(folder, name));
      return `${uid}:${gid}`;
    };
    const [, , uid, gid] =
      (await readFile('/etc/passwd', 'utf8'))
        .split('\n')
        .find(line => line.startsWith('nobody:'))
        ?.split(':') ?? [];
    assert.equal(await ids('made/nobody'), `${String(uid)}:${String(gid)}`);
    assert.equal(await ids('made'), `${String(uid)}:${String(gid)}`);
    assert.equal(await ids('made/numbers'), '1234:5678');
    assert.equal(await ids('made/mixed'), '0:4321');
    assert.equal(await ids('made/alone'), '4711:0');
    assert.equal(
      await modeOf(join(folder, 'made/numbers')),
      '4711',
      'a change of owner must not take setuid away',
    );
  },
);

test('an unknown owner is refused by name before anything is written', async t => {
  const folder = await temporaryFolder(t);
  const files = [
    fromPool(join(folder, 'first'), 'x'),
    fromSecret(join(folder, 'second'), 'x', { owner: 'nosuchuser' }),
  ];
  const error = await refused(write(files), 'files.owner');
  assert.equal(error.exit, 'badSource');
  assert.match(error.message, /second.*secret worker-pool:a\/b.*nosuchuser/);
  assert.deepEqual(await listAll(folder), []);
});

test('content that is not base64 is refused before anything is written, and is not repeated', async t => {
  const folder = await temporaryFolder(t);
  for (const content of ['hunter2!', 'aHVudGVyMg', 'a-_b', 'aGk=aGk=', '=', '====', 'YQ=', 'YR=\u00a0=']) {
    const bad = fromSecret(join(folder, 'bad'), 'x');
    const files = [fromPool(join(folder, 'good'), 'x'), { ...bad, entry: { ...bad.entry, content } }];
    const error = await refused(write(files), 'files.base64');
    assert.equal(error.exit, 'badSource');
    assert.match(error.message, /file ".*bad" of secret worker-pool:a\/b: content is not base64/);
    assert.ok(!error.message.includes(content), error.message);
    assert.deepEqual(await listAll(folder), []);
  }
});

test('base64 may be wrapped, by whatever kind of line end', async t => {
  const folder = await temporaryFolder(t);
  const text = 'a longer text that a tool would wrap';
  const wrapped = Buffer.from(text).toString('base64').replace(/.{8}/g, '$&\r\n\t ');
  const file = fromPool(join(folder, 'file'), '');
  await write([{ ...file, entry: { ...file.entry, content: `\n${wrapped}\n` } }]);
  assert.equal(await readFile(join(folder, 'file'), 'utf8'), text);
});

test('a folder, a device, a socket or a path through a file is refused and stays', async t => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'folder'));
  await writeFile(join(folder, 'file'), 'old');
  const socket = createServer().listen(join(folder, 'socket'));
  t.after(() => socket.close());
  await new Promise(resolve => socket.once('listening', resolve));
  for (const [path, words] of [
    [join(folder, 'folder'), /a folder stands there/],
    [join(folder, 'socket'), /device, a FIFO or a socket/],
    ['/dev/null', /device/],
    [join(folder, 'file/below'), /no folder/],
  ] as const) {
    const error = await refused(write([fromPool(path, 'x')]), 'files.write');
    assert.equal(error.exit, 'files');
    assert.match(error.message, words);
  }
  assert.ok((await stat('/dev/null')).isCharacterDevice());
  assert.deepEqual(await listAll(folder), ['file', 'folder', 'socket']);
});

test('a path that no file can have is refused', async t => {
  const folder = await temporaryFolder(t);
  await refused(write([fromPool(join(folder, 'a\0b'), 'x')]), 'files.path');
  await refused(write([fromPool(join(folder, 'a/'), 'x')]), 'files.path');
  const error = await refused(write([fromPool(join(folder, 'new', 'x'.repeat(300)), 'x')]), 'files.write');
  assert.match(error.message, /too long/);
  assert.deepEqual(await listAll(folder), [], 'the folder that was made for it is removed');
});

test('files over the limits are refused before they are decoded', async t => {
  const folder = await temporaryFolder(t);
  const file = (name: string, size: number) => fromPool(join(folder, name), Buffer.alloc(size));
  const limits = { fileEntries: 2, fileSizeBytes: 10, filesTotalBytes: 15 };
  assert.match(
    (await refused(write([file('a', 11)], limits), 'files.limit')).message,
    /limits.fileSize allows 10/,
  );
  assert.match(
    (await refused(write([file('a', 8), file('b', 8)], limits), 'files.limit')).message,
    /limits.filesTotal allows 15/,
  );
  assert.match(
    (await refused(write([file('a', 1), file('b', 1), file('c', 1)], limits), 'files.limit')).message,
    /limits.fileEntries allows 2/,
  );
  assert.deepEqual(await listAll(folder), []);
  await write([file('a', 10), file('b', 5)], limits);
});

test('one line a file is logged: path, format, description, source and size, but no content', async t => {
  const folder = await temporaryFolder(t);
  const lines = await write([fromSecret(join(folder, 'file'), 'hunter2', { description: 'the key' })]);
  assert.deepEqual(lines, [
    {
      message: `wrote file ${join(folder, 'file')}`,
      fields: { description: 'the key', format: 'file', size: 7, source: 'secret worker-pool:a/b' },
    },
  ]);
});

test('a signal ends the writing with its own reason and leaves nothing half done', async t => {
  const folder = await temporaryFolder(t);
  const stop = new AbortController();
  const reason = new Error('SIGTERM came');
  const log = { info: () => stop.abort(reason) };
  const files = [fromPool(join(folder, 'first'), 'x'), fromPool(join(folder, 'second'), 'x')];
  await assert.rejects(writeFiles(files, LIMITS, log, stop.signal), error => error === reason);
  assert.deepEqual(await listAll(folder), ['first']);
});

function needsRoot(): string | false {
  return process.geteuid?.() === 0 ? false : 'only root can give files away';
}
