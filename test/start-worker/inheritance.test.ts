import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { programPath, runProgram } from '../support/program.ts';
import { writeScript, writeStandaloneConfig } from '../support/runner-config.ts';
import { runCommand } from '../support/shell.ts';
import { temporaryFolder } from '../support/temp.ts';

void test('the worker inherits working directory and environment', async t => {
  const folder = await temporaryFolder(t);
  const worker = await writeScript(folder, 'worker', 'echo "in $(pwd)"; env | sort');
  const { stderr } = await runProgram('start-worker', [await writeStandaloneConfig(folder, worker)], {
    cwd: folder,
    env: {
      MY_OWN_VARIABLE: 'is kept',
      NODE_OPTIONS: '--max-old-space-size=512',
      NODE_COMPILE_CACHE: undefined,
    },
  });
  assert.match(stderr, new RegExp(`in ${realpathSync(folder)}\n`));
  assert.match(stderr, /MY_OWN_VARIABLE=is kept\n/);
  assert.match(stderr, /NODE_OPTIONS=--max-old-space-size=512\n/);
  assert.ok(!stderr.includes('WORKER_RUNNER_'), 'what the launcher set is not passed on');
});

void test('the worker inherits the umask, and gets the limit of open files that the runner was started with', async t => {
  const folder = await temporaryFolder(t);
  const worker = await writeScript(folder, 'worker', 'echo "umask $(umask) files $(ulimit -Sn)"');
  const config = await writeStandaloneConfig(folder, worker);
  const shell = spawn(
    '/bin/sh',
    ['-c', 'umask 027; ulimit -Sn 333; exec "$0" "$1"', programPath('start-worker'), config],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  let log = '';
  shell.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  await new Promise(resolve => shell.on('close', resolve));
  assert.match(log, /umask 0027 files 333\n/);
});

void test('a CA file of the environment is handed to Node, and the worker does not get what we set for that', async t => {
  const folder = await temporaryFolder(t);
  const worker = await writeScript(folder, 'worker', 'env | grep -E "CERT|RUNNER" | sort');
  const file = join(folder, 'ca.pem');
  await writeFile(file, '');
  const { stderr } = await runProgram('start-worker', [await writeStandaloneConfig(folder, worker)], {
    env: { SSL_CERT_FILE: file, NODE_EXTRA_CA_CERTS: undefined },
  });
  assert.match(stderr, new RegExp(` SSL_CERT_FILE=${file}\n`));
  assert.ok(!/NODE_EXTRA_CA_CERTS|WORKER_RUNNER/.test(stderr), stderr);
});

void test(
  'a variable that no shell can hold reaches the worker, and the log says that the limit of open files stays',
  { skip: process.platform !== 'linux' },
  async t => {
    const folder = await temporaryFolder(t);
    const worker = await writeScript(folder, 'worker', "tr '\\0' '\\n' < /proc/$$/environ");
    const config = await writeStandaloneConfig(folder, worker);
    // Without the launcher, whose shell may lose it.
    const { code, stderr } = await runCommand([process.execPath, programPath('start-worker'), config], {
      'my.secret': 'is kept',
      WORKER_RUNNER_OPEN_FILES: '333',
    });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /my\.secret=is kept\n/);
    assert.match(
      stderr,
      /start-worker: the limit of open files stays .* not 333: .* would lose .*my\.secret/,
    );
  },
);
