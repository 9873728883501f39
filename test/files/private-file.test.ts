import assert from 'node:assert/strict';
import { chmod, chown, lchown, lstat, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readPrivateFile, writePrivateFile } from '../../src/files/private-file.ts';
import { listAll, modeOf, refused } from '../support/files.ts';
import { temporaryFolder } from '../support/temp.ts';

test('a private file is 0600 even where an older file was looser', async t => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'config.json');
  await writeFile(path, 'old', { mode: 0o666 });
  await writePrivateFile(path, '{"grüße": 1}');
  assert.equal(await modeOf(path), '600');
  assert.equal(await readFile(path, 'utf8'), '{"grüße": 1}');
  assert.deepEqual(await listAll(folder), ['config.json']);
});

test('folders on the way are made 0755 whatever the umask is', async t => {
  const folder = await temporaryFolder(t);
  const before = process.umask(0o077);
  t.after(() => process.umask(before));
  await writePrivateFile(join(folder, 'etc/worker/config.json'), '');
  assert.equal(await modeOf(join(folder, 'etc/worker')), '755');
});

test('a symlink at the path stays and the file behind it is written', async t => {
  const folder = await temporaryFolder(t);
  await symlink('real', join(folder, 'link'));
  await writePrivateFile(join(folder, 'link'), 'x');
  assert.ok((await lstat(join(folder, 'link'))).isSymbolicLink());
  assert.equal(await modeOf(join(folder, 'real')), '600');
});

const ROOT_ONLY = { skip: process.getuid?.() !== 0 };
const WORKER = { uid: 12345, gid: 12345 };

test('for another user no symlink is followed that is not ours, wherever it stands', ROOT_ONLY, async t => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'of-worker'));
  await chown(join(folder, 'of-worker'), WORKER.uid, WORKER.gid);
  await writeFile(join(folder, 'shadow'), 'of root');
  const path = join(folder, 'of-worker/config.json');
  await symlink('../shadow', path);
  await symlink('..', join(folder, 'of-worker/up'));
  for (const link of ['config.json', 'up']) await lchown(join(folder, 'of-worker', link), 12345, 12345);
  for (const target of [path, join(folder, 'of-worker/up/shadow')]) {
    const error = await refused(writePrivateFile(target, 'x', WORKER), 'files.write');
    assert.match(error.message, /it is a symlink of another user/);
    await refused(writePrivateFile(target, 'x', undefined, 'trusted'), 'files.write');
  }
  assert.equal(await readFile(join(folder, 'shadow'), 'utf8'), 'of root');
  assert.equal((await stat(join(folder, 'shadow'))).uid, 0);
});

test('the file alone becomes the other user’s, and no folder that is made for it', ROOT_ONLY, async t => {
  const folder = await temporaryFolder(t);
  await writePrivateFile(join(folder, 'etc/config.json'), 'x', WORKER);
  assert.equal((await stat(join(folder, 'etc/config.json'))).uid, WORKER.uid);
  assert.equal((await stat(join(folder, 'etc'))).uid, 0);
});

test('only what is ours alone is read back', async t => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'ours');
  await writePrivateFile(path, 'x');
  assert.equal(await readPrivateFile(path), 'x');
  assert.equal(await readPrivateFile(join(folder, 'nothing')), undefined);
  await symlink('ours', join(folder, 'link'));
  await assert.rejects(readPrivateFile(join(folder, 'link')), /it is a symlink/);
  await assert.rejects(readPrivateFile(folder), /it is no file/);
  await chmod(path, 0o620);
  await assert.rejects(readPrivateFile(path), /others may read or write it/);
});

test('another user’s file is not ours', ROOT_ONLY, async t => {
  const path = join(await temporaryFolder(t), 'forged');
  await writePrivateFile(path, 'x', WORKER);
  await assert.rejects(readPrivateFile(path), /it is another user's/);
});

test('what cannot be written is an error that names the path', async t => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'folder'));
  const error = await refused(writePrivateFile(join(folder, 'folder'), 'x'), 'files.write');
  assert.equal(error.exit, 'files');
  assert.match(error.message, /cannot write ".*folder": a folder stands there/);
});
