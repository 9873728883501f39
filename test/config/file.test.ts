import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, lchown, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { holdsSecret, loadRunnerConfig } from '../../src/config/load.ts';
import { temporaryFolder } from '../support/temp.ts';
import { configFile, MINIMAL, refusal } from './support.ts';

const run = promisify(execFile);
const asRoot = process.getuid?.() === 0;

async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o7777).toString(8);
}

void test('a missing file is refused with its path', async t => {
  const path = join(await temporaryFolder(t), 'nowhere', 'runner.yml');
  const error = await refusal(path);
  assert.equal(error.code, 'config.missing');
  assert.ok(error.message.startsWith(`${path}: `));
});

void test('folders, pipes, sockets and devices are refused at once', async t => {
  const folder = await temporaryFolder(t);
  const fifo = join(folder, 'fifo');
  await run('mkfifo', [fifo]);
  const socket = join(folder, 'socket');
  const server = createServer();
  await new Promise<void>(resolve => server.listen(socket, resolve));
  t.after(() => server.close());
  for (const [path, what] of [
    [folder, /this is a folder/],
    [fifo, /this is a pipe/],
    [socket, /this is a socket/],
    ['/dev/null', /this is a device/],
  ] as const) {
    const error = await refusal(path);
    assert.equal(error.code, 'config.not-a-file');
    assert.match(error.message, what);
  }
});

void test('empty, binary, huge and wrongly encoded files are each refused in words', async t => {
  for (const [content, code] of [
    ['', 'config.empty'],
    ['# only a comment\n---\n', 'config.empty'],
    ['\uFEFF', 'config.empty'],
    [Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2]), 'config.encoding'],
    [Buffer.from(`\uFEFF${MINIMAL}`, 'utf16le'), 'config.encoding'],
    [Buffer.from('name: caf\xe9\n', 'latin1'), 'config.encoding'],
    [Buffer.alloc(1024 * 1024 + 1, '#'), 'config.too-large'],
  ] as const) {
    const error = await refusal(await configFile(t, content));
    assert.equal(error.code, code);
    assert.deepEqual(error.details, []);
  }
});

void test('a file that holds a secret and that others can read is tightened, with a warning', async t => {
  const path = await configFile(t, MINIMAL);
  await chmod(path, 0o644);
  const { warnings } = await loadRunnerConfig(path);
  assert.deepEqual(warnings, [
    `${path} holds a secret, which its mode 0644 opens to others; changed to 0600`,
  ]);
  assert.equal(await modeOf(path), '600');
  assert.deepEqual((await loadRunnerConfig(path)).warnings, []);
});

void test('the secret of a provider is known by the looks of its key, whatever the provider', () => {
  for (const key of ['staticSecret', 'accessToken', 'bootstrap_token', 'privateKey']) {
    assert.ok(holdsSecret({ providerType: 'new', [key]: 'x' }), key);
  }
  for (const key of ['workerID', 'tokenPath'])
    assert.ok(!holdsSecret({ providerType: 'new', [key]: 'x' }), key);
});

void test('a check warns of an open file and changes nothing', async t => {
  const path = await configFile(t, MINIMAL);
  await chmod(path, 0o640);
  const { warnings } = await loadRunnerConfig(path, { checkOnly: true });
  assert.deepEqual(warnings, [
    `${path} holds a secret, which its mode 0640 opens to others; a start will change it to 0600`,
  ]);
  assert.equal(await modeOf(path), '640');
  assert.equal(await readFile(path, 'utf8'), MINIMAL);
});

void test('a mode that cannot be changed is one warning, and the run goes on', { skip: !asRoot }, async t => {
  const path = await configFile(t, MINIMAL);
  await chmod(path, 0o644);
  await chmod(dirname(path), 0o755);
  // Another user than the owner, who may read the file and nothing more.
  const script = `process.setgid(65534); process.setuid(65534);
    const { loadRunnerConfig } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/config/load.ts'))});
    console.log(JSON.stringify((await loadRunnerConfig(${JSON.stringify(path)})).warnings));`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script]);
  const warnings = JSON.parse(stdout) as readonly string[];
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /could not be changed \(EPERM\)/);
  assert.equal(await modeOf(path), '644');
});

void test('a file that the user may not read is refused with what to do', { skip: !asRoot }, async t => {
  const path = await configFile(t, MINIMAL);
  await chmod(dirname(path), 0o755);
  const script = `process.setgid(65534); process.setuid(65534);
    const { loadRunnerConfig } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/config/load.ts'))});
    await loadRunnerConfig(${JSON.stringify(path)}).catch(error => console.log(error.code, error.message, error.advice));`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script]);
  assert.match(stdout, /^config\.unreadable .*\(user 65534\) is not allowed to read it .*mode 0600/);
});

void test('links are followed as Kubernetes mounts them', async t => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, '..2026_11_21'));
  await writeFile(join(folder, '..2026_11_21', 'runner.yml'), MINIMAL, { mode: 0o600 });
  await symlink('..2026_11_21', join(folder, '..data'));
  await symlink('..data/runner.yml', join(folder, 'runner.yml'));
  const { config } = await loadRunnerConfig(join(folder, 'runner.yml'));
  assert.equal(config.path, join(folder, 'runner.yml'));
});

void test('a link of another user is refused, also behind one of our own', { skip: !asRoot }, async t => {
  const path = await configFile(t, MINIMAL);
  const foreign = join(dirname(path), 'foreign.yml');
  await symlink(path, foreign);
  await lchown(foreign, 65534, 65534);
  const own = join(dirname(path), 'own.yml');
  await symlink('foreign.yml', own);
  for (const link of [foreign, own]) {
    const error = await refusal(link);
    assert.equal(error.code, 'config.symlink');
    assert.match(error.message, /foreign|symbolic link that belongs to user 65534/);
  }
});

void test('links in a circle and links to nothing are refused', async t => {
  const folder = await temporaryFolder(t);
  await symlink('loop', join(folder, 'loop'));
  await symlink('gone', join(folder, 'dangling'));
  assert.match((await refusal(join(folder, 'loop'))).message, /links lead in a circle/);
  const dangling = await refusal(join(folder, 'dangling'));
  assert.equal(dangling.code, 'config.missing');
  assert.match(dangling.message, /it is a symbolic link that leads nowhere/);
});

void test('a link that climbs out of a linked folder is followed as the system does', async t => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'opt/etc'), { recursive: true });
  await writeFile(join(folder, 'opt/real.yml'), MINIMAL, { mode: 0o600 });
  await symlink('../real.yml', join(folder, 'opt/etc/runner.yml'));
  await symlink('opt/etc', join(folder, 'etc'));
  assert.deepEqual((await loadRunnerConfig(join(folder, 'etc/runner.yml'))).warnings, []);
});

void test('a pipe on standard input is refused as one', async () => {
  const shell = 'true | "$0" --input-type=module -e "$1"';
  const program = `import { loadRunnerConfig } from ${JSON.stringify(join(import.meta.dirname, '../../src/config/load.ts'))};
    await loadRunnerConfig('/dev/stdin').catch(error => console.log(error.message));`;
  const { stdout } = await run('sh', ['-c', shell, process.execPath, program]);
  assert.match(stdout, /^\/dev\/stdin: .*this is a pipe/);
});
