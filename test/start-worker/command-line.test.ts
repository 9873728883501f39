import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { spawn } from 'node:child_process';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { programPath, runProgram, VERSION } from '../support/program.ts';
import { STANDALONE_PROVIDER, writeRunnerConfig } from '../support/runner-config.ts';
import { temporaryFolder } from '../support/temp.ts';

void test('--version tells name and version, --short-version the version alone', async () => {
  const [long, short] = await Promise.all([
    runProgram('start-worker', ['--version']),
    runProgram('start-worker', ['--short-version']),
  ]);
  assert.deepEqual(long, { code: 0, signal: null, stdout: `start-worker ${VERSION}\n`, stderr: '' });
  assert.deepEqual(short, { code: 0, signal: null, stdout: `${VERSION}\n`, stderr: '' });
});

void test('--help and -h list every exit code of the runner on stdout', async () => {
  const [long, short] = await Promise.all([
    runProgram('start-worker', ['--help']),
    runProgram('start-worker', ['-h']),
  ]);
  assert.equal(long.code, 0);
  assert.deepEqual(short, long);
  for (const { code, meaning } of Object.values(EXIT_CODES)) {
    assert.ok(long.stdout.includes(`${code} `) && long.stdout.includes(meaning), `${code} is missing`);
  }
});

for (const { args, reason } of [
  { args: [], reason: /the runner config is missing/ },
  { args: ['--check'], reason: /the runner config is missing/ },
  { args: ['a.yml', 'b.yml'], reason: /"b\.yml" came after it/ },
  { args: ['--verbose', 'a.yml'], reason: /unknown option --verbose/ },
  { args: [''], reason: /the runner config is missing/ },
]) {
  void test(`wrong use (${JSON.stringify(args)}) gets the reason and the usage on stderr`, async () => {
    const { code, stdout, stderr } = await runProgram('start-worker', args);
    assert.equal(code, EXIT_CODES.usage.code);
    assert.equal(stdout, '');
    assert.match(stderr, reason);
    assert.match(stderr, /Usage:\n {2}start-worker <runnerConfig>/);
  });
}

for (const name of ['constructor', 'toString', '__proto__']) {
  void test(`a runner config that is called ${name} is a file like any other`, async t => {
    const { code, stderr } = await runProgram('start-worker', [name], { cwd: await temporaryFolder(t) });
    assert.equal(code, EXIT_CODES.config.code);
    assert.match(stderr, new RegExp(`${name}: there is no such file`));
  });
}

for (const { command, code } of [
  { command: '"$0" --help >/dev/full', code: 0 },
  { command: '"$0" --verbose 2>/dev/full', code: EXIT_CODES.usage.code },
  { command: '"$0" --check no-such-file >/dev/full 2>/dev/full', code: EXIT_CODES.config.code },
]) {
  void test(`an output that takes nothing changes no exit code: ${command}`, async () => {
    const shell = spawn('/bin/sh', ['-c', command, programPath('start-worker')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    shell.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    assert.equal(await new Promise(resolve => shell.on('close', resolve)), code);
    assert.ok(!/\n\s+at /.test(stderr), stderr);
  });
}

void test('a runner config whose name begins with a dash comes behind --', async t => {
  const folder = await temporaryFolder(t);
  const { code, stderr } = await runProgram('start-worker', ['--', '--runner.yml'], { cwd: folder });
  assert.equal(code, EXIT_CODES.config.code);
  assert.match(stderr, /--runner\.yml/);
});

void test('--check of a good config says ok and changes neither the file nor its mode', async t => {
  const folder = await temporaryFolder(t);
  const path = await writeRunnerConfig(folder, {
    provider: STANDALONE_PROVIDER,
    worker: { implementation: 'dummy' },
  });
  const open = join(folder, 'open.yml');
  await writeFile(open, await readFile(path), { mode: 0o644 });
  const before = await stat(open);
  const { code, stdout, stderr } = await runProgram('start-worker', ['--check', open]);
  assert.equal(code, 0);
  assert.equal(stdout, `${open}: ok\n`);
  assert.match(stderr, /holds a secret, which its mode 0644 opens to others/);
  const after = await stat(open);
  assert.deepEqual([after.mode, after.mtimeMs, after.ctimeMs], [before.mode, before.mtimeMs, before.ctimeMs]);
});

void test('--check of a bad config tells every mistake with its place, and has the code of a bad config', async t => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'runner.yml');
  await writeFile(
    path,
    'provider: {providerType: statik}\nworker:\n  implementation: dumy\nworkerConfg: {}\n',
  );
  const { code, stdout, stderr } = await runProgram('start-worker', ['--check', path]);
  assert.equal(code, EXIT_CODES.config.code);
  assert.equal(stdout, '');
  assert.match(stderr, /runner\.yml:1:\d+: .*statik.*static/);
  assert.match(stderr, /runner\.yml:3:\d+: .*dumy.*dummy/);
  assert.match(stderr, /runner\.yml:4:1: .*workerConfg.*workerConfig/);
  assert.ok(!stderr.includes('    at '), 'no stack');
});
