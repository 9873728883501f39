/** The file that a runner config is in: what it may be, whose, and who may read it; through the built program. */
import assert from 'node:assert/strict';
import { chmod, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertBadConfig, configFile, DUMMY } from '../support/dummy-config.ts';
import { modeOf } from '../support/files.ts';
import { programPath, runProgram } from '../support/program.ts';
import { writeScript } from '../support/runner-config.ts';
import { AS_NOBODY, NEEDS_MOUNTS, NEEDS_ROOT, runCommand, runWithMounts } from '../support/shell.ts';
import { startServer } from '../support/taskcluster-server.ts';
import { temporaryFolder } from '../support/temp.ts';

void test('a config that is no readable file gets one line with its path and what it is, at once', async t => {
  const folder = await temporaryFolder(t);
  const path = (name: string) => join(folder, name);
  await symlink('nowhere', path('dangling'));
  await symlink('circle', path('circle'));
  assert.equal((await runCommand(['mkfifo', path('fifo')])).code, 0);
  await writeFile(path('file'), DUMMY);
  for (const [name, what] of [
    [path('missing'), /there is no such file/],
    [path('file/below'), /there is no such file/],
    [path('dangling'), /a symbolic link that leads nowhere/],
    [path('circle'), /symbolic links lead in a circle/],
    [path('fifo'), /this is a pipe/],
    [folder, /this is a folder/],
    ['/dev/zero', /this is a device/],
  ] as const) {
    for (const args of [[name], ['--check', name]]) {
      const result = await runProgram('start-worker', args);
      assertBadConfig(result, name);
      assert.match(result.stderr, what);
      assert.ok(result.stderr.trimEnd().split('\n').length <= 2, result.stderr);
    }
  }
});

void test('a config that is empty, binary, UTF-16, huge or no mapping is said to be so, and not shown', async t => {
  for (const [content, what] of [
    ['', /it is empty/],
    ['# hunter2\n', /it is empty/],
    [Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2]), /a binary file/],
    [Buffer.from(`\uFEFF${DUMMY}`, 'utf16le'), /UTF-16 .*UTF-8/],
    [Buffer.from('hunter2: \xe9\n', 'latin1'), /not UTF-8/],
    [Buffer.alloc(2 ** 21, 'hunter2\n'), /more than 1024 KiB/],
    ['hunter2\n', /:1:1: .*found a text/],
    ['- hunter2\n', /:1:1: .*found a list/],
    ['null\n', /:1:1: .*found nothing/],
  ] as const) {
    const path = await configFile(t, content);
    const result = await runProgram('start-worker', [path]);
    assertBadConfig(result, path);
    assert.match(result.stderr, what);
    assert.doesNotMatch(result.stderr, /hunter2/);
  }
});

void test('a config that its user may not read says who that user is', { skip: NEEDS_ROOT }, async t => {
  const path = await configFile(t, DUMMY);
  await chmod(join(path, '..'), 0o755);
  const result = await runCommand([...AS_NOBODY, programPath('start-worker'), path]);
  assertBadConfig(result, path);
  assert.match(result.stderr, /user 65534\) is not allowed to read it/);
});

void test("a link to a config is followed when it is root's or our own", async t => {
  const path = await configFile(t, DUMMY);
  await symlink('runner.yml', `${path}.link`);
  assert.equal((await runProgram('start-worker', [`${path}.link`])).code, 0);
  if (NEEDS_ROOT !== false) return;
  await chmod(join(path, '..'), 0o755);
  await chmod(path, 0o644);
  // Of another user than its own, a link of root's is followed; one of nobody's is not followed by root.
  const asNobody = [...AS_NOBODY, programPath('start-worker'), `${path}.link`];
  assert.equal((await runCommand(asNobody)).code, 0);
  assert.equal((await runCommand(['chown', '-h', '65534', `${path}.link`])).code, 0);
  const refused = await runProgram('start-worker', [`${path}.link`]);
  assertBadConfig(refused, `${path}.link`);
  assert.match(refused.stderr, /belongs to user 65534/);
});

void test('a file that holds a secret and is open to others is tightened, and the log says so once', async t => {
  const path = await configFile(t, DUMMY);
  await chmod(path, 0o664);
  const first = await runProgram('start-worker', [path]);
  assert.equal(first.code, 0);
  assert.equal(first.stderr.match(/warning: .*mode 0664 opens to others; changed to 0600/g)?.length, 1);
  assert.equal(await modeOf(path), '600');
  const second = await runProgram('start-worker', [path]);
  assert.doesNotMatch(second.stderr, /warning/);
});

void test(
  'a file on a read-only mount, or of another owner, is warned of once and used',
  { skip: NEEDS_ROOT || NEEDS_MOUNTS },
  async t => {
    const path = await configFile(t, DUMMY);
    const folder = join(path, '..');
    await chmod(folder, 0o755);
    await chmod(path, 0o644);
    const readOnly = await runWithMounts(
      'mount --bind "$FOLDER" "$FOLDER"; mount -o remount,bind,ro "$FOLDER"; exec "$PROGRAM" "$FOLDER/runner.yml"',
      { FOLDER: folder, PROGRAM: programPath('start-worker') },
    );
    const foreign = await runCommand([...AS_NOBODY, programPath('start-worker'), path]);
    for (const [{ code, stderr }, reason] of [
      [readOnly, 'EROFS'],
      [foreign, 'EPERM'],
    ] as const) {
      assert.equal(code, 0, stderr);
      assert.equal(stderr.match(/warning/g)?.length, 1, stderr);
      assert.match(stderr, new RegExp(`could not be changed \\(${reason}\\)`));
    }
  },
);

void test('--check of a good config asks nobody, starts nothing and leaves no trace', async t => {
  const folder = await temporaryFolder(t);
  const server = await startServer(t, response => response.end());
  const worker = await writeScript(folder, 'worker', `touch '${folder}/started'`);
  const path = join(folder, 'runner.yml');
  const content = `${DUMMY.replace('http://127.0.0.1:1', server.rootUrl).replace('getSecrets: false', '')}
workerConfig: {a: 1}
logging: {implementation: file, path: ${folder}/log/runner.log}
cacheOverRestarts: ${folder}/state.json
`.replace(
    'implementation: dummy',
    `implementation: generic-worker\n  path: ${worker}\n  configPath: ${folder}/w.json`,
  );
  await writeFile(path, content);
  await chmod(path, 0o644);
  const before = await stat(folder);
  const { code, stdout } = await runProgram('start-worker', ['--check', path], { cwd: folder });
  assert.equal(code, 0);
  assert.equal(stdout, `${path}: ok\n`);
  assert.equal(server.connections(), 0);
  assert.equal((await stat(folder)).mtimeMs, before.mtimeMs);
  assert.equal(await modeOf(path), '644');
});
