/** The order of system calls by which a kept state outlasts a power cut. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { programPath } from '../support/program.ts';
import { writeScript, writeStandaloneConfig } from '../support/runner-config.ts';
import { runCommand } from '../support/shell.ts';
import { temporaryFolder } from '../support/temp.ts';

// Where everything is tested it has to be there.
const NO_STRACE =
  process.env.CI === undefined && spawnSync('strace', ['-V']).status !== 0 ? 'there is no strace' : false;

/** What a traced call means; `<…>` is strace's name of an open file. */
const STEPS: readonly (readonly [RegExp, string])[] = [
  [/^openat\(.*"<cache>\.new", .*O_CREAT\|O_EXCL.*, 0600\)/, 'create'],
  [/^p?write(64)?\(\d+<<cache>\.new>/, 'write'],
  [/^fsync\(\d+<<cache>\.new>/, 'fsync'],
  [/^rename\("<cache>\.new", "<cache>"\)/, 'rename'],
  [/^fsync\(\d+<<state>>\)/, 'fsync of the folder'],
  [/^execve\(.*<folder>\/worker"/, 'start of the worker'],
];
const SAVE = ['create', 'write', 'fsync', 'rename', 'fsync of the folder'];

void test(
  'a state is on the disk before it has its name, and before the worker starts',
  { skip: NO_STRACE },
  async t => {
    const folder = await temporaryFolder(t);
    const state = join(folder, 'state');
    const cache = join(state, 'cache.json');
    const trace = join(folder, 'trace');
    const worker = await writeScript(folder, 'worker', 'exit 0');
    const config = await writeStandaloneConfig(folder, worker, { cacheOverRestarts: cache });
    const calls = 'openat,write,pwrite64,fsync,fdatasync,rename,renameat2,execve';
    const { code, stderr } = await runCommand([
      ...['strace', '-f', '-y', '--seccomp-bpf', '-qq', '-s', '0', '-e', `trace=${calls}`, '-o', trace],
      ...[programPath('start-worker'), config],
    ]);
    assert.equal(code, 0, stderr);
    const lines = (await readFile(trace, 'utf8'))
      .split('\n')
      .map(line =>
        line
          .replace(/^\d+ +/, '')
          .replaceAll(cache, '<cache>')
          .replaceAll(state, '<state>'),
      )
      .map(line => line.replaceAll(folder, '<folder>'));
    const steps = lines
      // The first try, before the folder is made.
      .filter(line => !line.includes('= -1 ENOENT'))
      .flatMap(line => STEPS.find(([pattern]) => pattern.test(line))?.[1] ?? []);
    // Once as registered, once as ready.
    assert.deepEqual(steps, [...SAVE, ...SAVE, 'start of the worker'], lines.join('\n'));
  },
);
