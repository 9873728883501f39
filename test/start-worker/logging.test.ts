import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, watch } from 'node:fs';
import { readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { programPath, runProgram } from '../support/program.ts';
import { writeScript, writeStandaloneConfig } from '../support/runner-config.ts';
import { temporaryFolder } from '../support/temp.ts';
import { hello, logMessage, makeGate, runWorker, startWorkerRun, writes } from '../support/worker-run.ts';

/** Writes more than pipes and our own queue hold, then notes that it came so far. */
const FLOOD_AND_NOTE = `seq 200000; echo on stderr >&2; echo finished >"$(dirname "$0")/noted"; exit 9`;

void test('in json each line is one object with time, severity, source, message, and fields', async t => {
  const { code, log } = await runWorker(
    t,
    `${writes(hello('log'), 'plain "text"', logMessage({ textPayload: 'structured', n: 1, deep: { a: [true] } }), logMessage({ only: 'fields' }))}
     printf 'on stderr' >&2; exit 3`,
    { logging: { implementation: 'json' } },
  );
  assert.equal(code, 3);
  const entries = log
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Record<string, unknown>);
  for (const { time } of entries) assert.equal(new Date(String(time)).toISOString(), time);
  const ofSource = (wanted: string) =>
    entries
      .filter(({ source }) => source === wanted)
      .map(({ severity, message, ...rest }) => ({ severity, message, fields: rest.fields }));
  assert.deepEqual(ofSource('worker'), [
    { severity: 'info', message: 'plain "text"', fields: undefined },
    { severity: 'info', message: 'structured', fields: { n: 1, deep: { a: [true] } } },
    { severity: 'info', message: '', fields: { only: 'fields' } },
  ]);
  assert.deepEqual(ofSource('worker-stderr'), [
    { severity: 'info', message: 'on stderr', fields: undefined },
  ]);
  const own = ofSource('runner');
  assert.deepEqual(own.at(0)?.fields, { provider: 'standalone', worker: 'generic-worker' });
  assert.match(own.at(-1)?.message as string, /^the run ended with exit code 3: /);
  assert.deepEqual(own.at(-2), {
    severity: 'warning',
    message: 'the worker exited with code 3',
    fields: undefined,
  });
});

void test('a log file is rotated by size, keeps as many as it was told, and no line is torn or lost', async t => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'runner.log');
  const logging = { implementation: 'file', path, maxSize: '100KiB', keep: 3 };
  const { code, log } = await runWorker(t, 'seq 30000; exit 3', { logging });
  assert.equal(code, 3);
  assert.equal(log, '', 'nothing on stderr');
  assert.deepEqual((await readdir(folder)).sort(), ['runner.log', ...[1, 2, 3].map(n => `runner.log.${n}`)]);
  let all = '';
  for (const name of ['.3', '.2', '.1', '']) {
    const { size, mode } = await stat(path + name);
    assert.ok(size <= 100 * 1024);
    assert.equal(mode & 0o007, 0, 'not for others');
    all += await readFile(path + name, 'utf8');
  }
  const lines = all.trimEnd().split('\n');
  assert.match(lines.pop() ?? '', /the run ended with exit code 3: /);
  assert.match(lines.pop() ?? '', /the worker exited with code 3$/);
  const numbers = lines.map(line => Number(line.split(' ')[2]));
  assert.equal(numbers.at(-1), 30_000);
  assert.ok(numbers.every((number, index) => index === 0 || number === (numbers[index - 1] ?? 0) + 1));
});

void test('an existing log file is appended to', async t => {
  const path = join(await temporaryFolder(t), 'runner.log');
  await writeFile(path, 'what was before\n');
  await runWorker(t, 'echo hello', { logging: { implementation: 'file', path } });
  assert.match(
    await readFile(path, 'utf8'),
    /^what was before\n[^]* hello\n[^]*exited with code 0\n[^\n]* the run ended with [^\n]*\n$/,
  );
});

void test('at SIGHUP the log file is opened anew, and what was moved away is left alone', async t => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'runner.log');
  const gates = [await makeGate(t), await makeGate(t)] as const;
  const runner = await startWorkerRun(
    t,
    `echo before\n${gates[0].wait}\necho between\n${gates[1].wait}\necho after`,
    { logging: { implementation: 'file', path } },
  );
  await becomes(path, text => text.includes('before'));
  await rename(path, `${path}.old`);
  await gates[0].open();
  // Until it is told, it writes into what was moved.
  await becomes(`${path}.old`, text => text.includes('between'));
  runner.kill('SIGHUP');
  await becomes(path, text => text === '');
  await gates[1].open();
  assert.equal((await runner.exited).code, 0);
  assert.match(await readFile(`${path}.old`, 'utf8'), / before\n\S+ \S+ between\n$/);
  assert.match(
    await readFile(path, 'utf8'),
    /^\S+ \S+ after\n[^\n]*exited with code 0\n[^\n]* the run ended with [^\n]*\n$/,
  );
});

void test('SIGHUP does no harm where there is no log file', async t => {
  const gate = await makeGate(t);
  const runner = await startWorkerRun(t, `echo ready\n${gate.wait}\nexit 3`);
  await runner.says(/ ready\n/);
  runner.kill('SIGHUP');
  await gate.open();
  assert.equal((await runner.exited).code, 3);
});

for (const [what, path] of [
  ['whose folder is missing', 'no/such/folder/runner.log'],
  ['that is a folder', '.'],
] as const) {
  void test(`a log file ${what} is said on stderr, with what to do, before a worker is started`, async t => {
    const folder = await temporaryFolder(t);
    const file = join(folder, path);
    const { code, log } = await runWorker(t, `touch '${folder}/started'`, {
      logging: { implementation: 'file', path: file },
    });
    assert.equal(code, EXIT_CODES.files.code);
    assert.match(
      log,
      /^[^\n]+ start-worker: version [^\n]+\n\S+ \S+ start-worker: error: log file [^\n]+ cannot be opened: [^\n]+\n[^\n]+what to do: [^\n]+\n[^\n]* the run ended with exit code 108: [^\n]+\n$/,
    );
    assert.ok(log.includes(file));
    assert.deepEqual(await readdir(folder), []);
  });
}

void test('a log file on a full disk holds up neither the worker nor its exit code, and stderr tells of it', async t => {
  const { code, log } = await runWorker(t, FLOOD_AND_NOTE, {
    logging: { implementation: 'file', path: '/dev/full' },
  });
  assert.equal(code, 9);
  assert.match(log, /log file \/dev\/full cannot be written to[^\n]*ENOSPC/);
  assert.match(log, /KiB of worker output lost\n$/);
});

for (const [what, redirection] of [
  ['that is closed', '2>&-'],
  ['on a full disk', '2>/dev/full'],
  ['that is closed, as are stdin and stdout', '<&- >&- 2>&-'],
] as const) {
  void test(`a standard error ${what} holds up neither the worker nor its exit code`, async t => {
    const folder = await temporaryFolder(t);
    const config = await writeStandaloneConfig(folder, await writeScript(folder, 'worker', FLOOD_AND_NOTE));
    const shell = spawn('/bin/sh', ['-c', `"$0" "$1" ${redirection}`, programPath('start-worker'), config], {
      stdio: 'ignore',
    });
    assert.deepEqual(await once(shell, 'exit'), [9, null]);
    assert.equal(await readFile(join(folder, 'noted'), 'utf8'), 'finished\n');
  });
}

void test('a reader of standard error that goes away holds up neither the worker nor its exit code', async t => {
  const folder = await temporaryFolder(t);
  const config = await writeStandaloneConfig(folder, await writeScript(folder, 'worker', FLOOD_AND_NOTE));
  const shell = spawn(
    '/bin/sh',
    [
      '-c',
      `{ "$0" "$1" 2>&1 >/dev/null; echo "code $?" >&2; } | head -n 3`,
      programPath('start-worker'),
      config,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let [read, said] = ['', ''];
  shell.stdout.setEncoding('utf8').on('data', (text: string) => (read += text));
  shell.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  await once(shell, 'close');
  assert.equal(said, 'code 9\n');
  assert.match(read, / 1\n$/);
  assert.equal(await readFile(join(folder, 'noted'), 'utf8'), 'finished\n');
});

void test('standard error on a file gets everything, in order', async t => {
  const folder = await temporaryFolder(t);
  const config = await writeStandaloneConfig(
    folder,
    await writeScript(folder, 'worker', 'seq 100000; exit 9'),
  );
  const path = join(folder, 'log');
  const file = openSync(path, 'w');
  const { code } = await runProgram('start-worker', [config], { stderrFd: file });
  closeSync(file);
  assert.equal(code, 9);
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  assert.equal(lines.length, 100_004);
  assert.ok(lines.slice(2, -2).every((line, n) => line.endsWith(` ${n + 1}`)));
});

/** Resolves once the text of a file is as wanted; the test's own timeout ends a wait in vain. */
async function becomes(path: string, isWanted: (text: string) => boolean): Promise<void> {
  let changed = Promise.withResolvers<undefined>();
  const watcher = watch(dirname(path), { persistent: false }, () => changed.resolve(undefined));
  for (;;) {
    // Before the look, so that no change comes between.
    changed = Promise.withResolvers<undefined>();
    if (await readFile(path, 'utf8').then(isWanted, () => false)) break;
    await changed.promise;
  }
  watcher.close();
}
