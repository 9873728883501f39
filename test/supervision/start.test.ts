import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { RunnerError } from '../../src/errors.ts';
import type { ProcessOptions, RunningProcess } from '../../src/supervision/process.ts';
import { startProcess } from '../../src/supervision/start.ts';
import { temporaryFolder } from '../support/temp.ts';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures');
const PATH = process.env.PATH ?? '';

async function start(
  t: TestContext,
  file: string,
  options: Partial<ProcessOptions> = {},
): Promise<RunningProcess> {
  const child = await startProcess({ file, args: [], env: { PATH }, ...options });
  t.after(() => void child.killGroup('SIGKILL'));
  return child;
}

async function program(t: TestContext, content: string | Buffer, mode = 0o755): Promise<string> {
  const path = join(await temporaryFolder(t), 'worker');
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

function refuses(
  file: string,
  code: string,
  message: RegExp,
  options: Partial<ProcessOptions> = {},
): Promise<void> {
  return assert.rejects(startProcess({ file, args: [], env: { PATH }, ...options }), error => {
    assert.ok(error instanceof RunnerError, String(error));
    assert.equal(error.code, code, error.message);
    assert.equal(error.exitCode, 109);
    assert.match(error.message, message);
    return true;
  });
}

test('a worker gets its arguments and the environment it is given, and nothing else', async t => {
  const child = await start(t, join(FIXTURES, 'worker-prints-environment.sh'), {
    args: ['run', '--config', 'a b', '$(no shell)', ''],
    env: { PATH, A: '1', 'with.dot': '2' },
  });
  const [limit, ...lines] = (await text(child.stdout)).trimEnd().split('\n');
  assert.ok(limit);
  assert.deepEqual(lines.slice(0, 5), ['run', '--config', 'a b', '$(no shell)', '']);
  assert.ok(lines.includes('A=1'));
  assert.ok(!lines.some(line => line.startsWith('HOME=')));
  assert.deepEqual(await child.exited, { code: 0, signal: undefined });
});

test('what the worker is started through is told where the worker is, and its arguments', async t => {
  const child = await start(t, 'env', {
    args: ['A B'],
    wrap: ({ file, args }) => ({ file: '/bin/echo', args: [file, ...args] }),
  });
  assert.match(await text(child.stdout), /^\/.*\/env A B\n$/);
});

test('the exit is that of the process itself, even while a grandchild holds its output', async t => {
  const child = await start(t, join(FIXTURES, 'worker-leaves-grandchild.mjs'));
  child.stdout.resume();
  let ended = false;
  child.stdout.on('end', () => (ended = true));
  assert.deepEqual(await child.exited, { code: 3, signal: undefined });
  assert.equal(ended, false);
  assert.equal(child.kill('SIGTERM'), false, 'it is gone');
  assert.equal(child.killGroup('SIGKILL'), true, 'the grandchild is in its group');
  await once(child.stdout, 'end');
});

test('a worker that ignores SIGTERM is killed with its group', async t => {
  const child = await start(t, join(FIXTURES, 'worker-ignores-sigterm.mjs'));
  let said = '';
  for await (const chunk of child.stdout) {
    said += String(chunk);
    if (said.includes('ready') && !said.includes('SIGTERM sent')) {
      said += 'SIGTERM sent';
      assert.ok(child.kill('SIGTERM'));
    }
    if (said.includes('is ignored')) break;
  }
  assert.ok(child.killGroup('SIGKILL'));
  assert.deepEqual(await child.exited, { code: undefined, signal: 'SIGKILL' });
});

test('a bare name is looked for in PATH', async t => {
  const folder = await temporaryFolder(t);
  await symlink(join(FIXTURES, 'worker-prints-environment.sh'), join(folder, 'my-worker'));
  const child = await start(t, 'my-worker', { env: { PATH: `/nowhere:${folder}:${PATH}` } });
  child.stdout.resume();
  assert.equal((await child.exited).code, 0);
  await refuses('my-worker', 'worker.missing', /my-worker is in no folder of PATH/);
});

test('a path that is not there, or leads through a file, is missing', async t => {
  const file = await program(t, '#!/bin/sh\n');
  await refuses('/no/such/worker', 'worker.missing', /\/no\/such\/worker does not exist/);
  await refuses(join(file, 'x'), 'worker.missing', /does not exist \(ENOTDIR\)/);
});

test('what is no program is refused before it is started', async t => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'sub'));
  await refuses(join(folder, 'sub'), 'worker.not-executable', /is a folder/);
  await refuses('/dev/null', 'worker.not-executable', /is no regular file/);
  await refuses(await program(t, '#!/bin/sh\n', 0o644), 'worker.not-executable', /may not be executed/);
  await refuses(await program(t, ''), 'worker.not-executable', /is empty/);
  await refuses(await program(t, 'echo hello\n'), 'worker.not-executable', /neither a program nor a script/);
  await refuses(await program(t, 'MZ\x90\0'), 'worker.not-executable', /for Windows/);
});

test('a program for another processor is refused', async t => {
  const head = Buffer.alloc(64);
  head.write('\x7fELF', 'latin1');
  head.set([2, 1, 1], 4);
  head.writeUInt16LE(8, 18); // MIPS
  await refuses(await program(t, head), 'worker.not-executable', /another processor/);
});

test('a script whose interpreter is not there says which', async t => {
  const noInterpreter = await program(t, '#!/no/such/shell -e\n');
  await refuses(noInterpreter, 'worker.not-executable', /needs the interpreter \/no\/such\/shell,/);
  await refuses(await program(t, '#!/bin/sh\r\n'), 'worker.not-executable', /interpreter \/bin\/sh\\r,/);
  await refuses(
    await program(t, '#!/usr/bin/env no-such-node\n'),
    'worker.not-executable',
    /no-such-node, which is in no folder/,
  );
});

test('an environment that is too long for the system is said to be that', async () => {
  const env = { PATH, HUGE: 'x'.repeat(4 * 1024 * 1024) };
  await refuses('/bin/true', 'worker.start-failed', /longer than the system allows \(E2BIG\)/, { env });
});

void test('one that is left behind goes on, and keeps nobody from ending', async t => {
  const module = join(import.meta.dirname, '..', '..', 'src', 'supervision', 'start.ts');
  const script = `const { startProcess } = await import(${JSON.stringify(module)});
    const child = await startProcess({ file: 'sleep', args: ['300'], env: { PATH: process.env.PATH } });
    child.leave();
    console.log(child.pid);`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
  const pid = Number(stdout);
  t.after(() => process.kill(pid, 'SIGKILL'));
  assert.equal(process.kill(pid, 0), true);
});
