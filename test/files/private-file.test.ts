import assert from 'node:assert/strict';
import { lstat, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { writePrivateFile } from '../../src/files/private-file.ts';
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

test('what cannot be written is an error that names the path', async t => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'folder'));
  const error = await refused(writePrivateFile(join(folder, 'folder'), 'x'), 'files.write');
  assert.equal(error.exit, 'files');
  assert.match(error.message, /cannot write ".*folder": a folder stands there/);
});
