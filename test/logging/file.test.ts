import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { createLog } from '../../src/logging/create-log.ts';
import { createRedactor } from '../../src/logging/create-redactor.ts';
import { openLogFile } from '../../src/logging/file-target.ts';
import type { Log } from '../../src/logging/log.ts';
import { createSink } from '../../src/logging/sink.ts';
import { temporaryFolder } from '../support/temp.ts';

function fileLog(path: string, maxSizeBytes = 1e6, keep = 2): Log {
  return createLog({ implementation: 'file', path, maxSizeBytes, keep }, createRedactor());
}

async function forwardLines(log: Log, from: number, to: number): Promise<void> {
  for (let line = from; line < to; line += 1)
    await log.output('worker', [{ kind: 'text', text: `line ${line}\n` }]);
}

/** The numbers of the lines in a file. */
async function linesIn(path: string): Promise<readonly number[]> {
  return [...(await readFile(path, 'utf8')).matchAll(/line (\d+)$/gm)].map(match => Number(match[1]));
}

test('what was logged is appended to the file', async t => {
  const path = join(await temporaryFolder(t), 'runner.log');
  await writeFile(path, 'from before\n');
  const log = fileLog(path);
  log.info('hello');
  await log.close();
  assert.match(
    await readFile(path, 'utf8'),
    /^from before\n\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d start-worker: hello\n$/,
  );
});

test('a new log file is not readable for others', { skip: process.platform === 'win32' }, async t => {
  const path = join(await temporaryFolder(t), 'runner.log');
  await fileLog(path).close();
  assert.equal((await stat(path)).mode & 0o007, 0);
});

test('the file is rotated at its size, at a line, and as many as told are kept', async t => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'runner.log');
  const log = fileLog(path, 1000, 2);
  await forwardLines(log, 0, 500);
  await log.close();
  assert.deepEqual((await readdir(folder)).sort(), ['runner.log', 'runner.log.1', 'runner.log.2']);
  const kept = [...(await linesIn(`${path}.2`)), ...(await linesIn(`${path}.1`)), ...(await linesIn(path))];
  assert.deepEqual(
    kept,
    Array.from({ length: kept.length }, (_, index) => 500 - kept.length + index),
  );
  for (const name of await readdir(folder)) assert.ok((await stat(join(folder, name))).size <= 1000, name);
});

test('with none to keep, the file begins anew', async t => {
  const folder = await temporaryFolder(t);
  const log = fileLog(join(folder, 'runner.log'), 1000, 0);
  await forwardLines(log, 0, 200);
  await log.close();
  assert.deepEqual(await readdir(folder), ['runner.log']);
  assert.equal((await linesIn(join(folder, 'runner.log'))).at(-1), 199);
});

test('a line longer than a whole file stands in a file of its own', async t => {
  const path = join(await temporaryFolder(t), 'runner.log');
  const log = fileLog(path, 1000, 5);
  log.info('before');
  log.info('x'.repeat(5000));
  log.info('after');
  await log.close();
  assert.match(await readFile(`${path}.2`, 'utf8'), /before\n$/);
  assert.match(await readFile(`${path}.1`, 'utf8'), /start-worker: x{5000}\n$/);
  assert.match(await readFile(path, 'utf8'), /after\n$/);
});

test('a file that cannot be rotated goes on growing, and says so', async t => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'runner.log');
  // A folder with something in it stands where the rotated file should go.
  await promisify(execFile)('mkdir', ['-p', `${path}.1/occupied`]);
  const log = fileLog(path, 1000, 1);
  await forwardLines(log, 0, 100);
  await log.close();
  assert.equal((await linesIn(path)).length, 100);
  assert.match(
    await readFile(path, 'utf8'),
    /start-worker: warning: log file .*runner\.log cannot be rotated, it goes on growing: /,
  );
});

test('after a rotation by another program the log goes on in a new file, and nothing is lost', async t => {
  const path = join(await temporaryFolder(t), 'runner.log');
  const log = fileLog(path);
  await forwardLines(log, 0, 100);
  await rename(path, `${path}.moved`);
  log.reopen();
  await forwardLines(log, 100, 200);
  await log.close();
  const all = [...(await linesIn(`${path}.moved`)), ...(await linesIn(path))];
  assert.deepEqual(
    all,
    Array.from({ length: 200 }, (_, line) => line),
  );
  assert.equal((await linesIn(path)).at(-1), 199);
});

test('where the file cannot be opened anew, the old one is used, and says so', async t => {
  const folder = await temporaryFolder(t);
  const path = join(folder, 'logs', 'runner.log');
  await promisify(execFile)('mkdir', [join(folder, 'logs')]);
  const log = fileLog(path);
  await rename(join(folder, 'logs'), join(folder, 'moved'));
  log.reopen();
  await forwardLines(log, 0, 10);
  await log.close();
  const moved = await readFile(join(folder, 'moved', 'runner.log'), 'utf8');
  assert.match(moved, /warning: log file .* cannot be opened anew, the old one is used: ENOENT/);
});

for (const [name, make] of [
  [
    'whose folder is missing',
    (path: string) => rm(path, { force: true }).then(() => join(path, 'runner.log')),
  ],
  ['that is a folder', (path: string) => promisify(execFile)('mkdir', [path]).then(() => path)],
  ['that is a named pipe', (path: string) => promisify(execFile)('mkfifo', [path]).then(() => path)],
] as const) {
  test(
    `a log file ${name} is refused at once, with what to do`,
    { skip: process.platform === 'win32' },
    async t => {
      const path = await make(join(await temporaryFolder(t), 'place'));
      assert.throws(() => fileLog(path), {
        name: 'RunnerError',
        code: 'logging.file',
        exit: 'files',
        advice: /logging\.path/,
      });
    },
  );
}

test(
  'a full disk costs what comes meanwhile, nobody waits, and the log tells how much',
  { skip: process.platform !== 'linux' },
  async t => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    const path = join(await temporaryFolder(t), 'runner.log');
    await symlink('/dev/full', path);
    const failure = Promise.withResolvers<unknown>();
    let dropped = 0;
    const sink = createSink({
      target: openLogFile({ implementation: 'file', path, maxSizeBytes: 1e6, keep: 1 }, () => undefined),
      lossNotice: ({ entries, output }) => `lost ${entries} and ${output}\n`,
      onDropped: bytes => (dropped += bytes),
      onFailure: failure.resolve,
    });
    sink.entry('lost\n');
    assert.match(String(await failure.promise), /ENOSPC/);
    sink.output('é'.repeat(1_000_000));
    assert.equal(sink.room(), undefined);

    await rm(path);
    sink.entry('lost as well: tried again only after a while\n');
    t.mock.timers.tick(2000);
    sink.entry('there is room again\n');
    assert.equal(await sink.close(30_000), undefined);
    assert.equal(
      dropped,
      'lost\n'.length + 2_000_000 + 'lost as well: tried again only after a while\n'.length,
    );
    assert.equal(await readFile(path, 'utf8'), 'lost 2 and 1000000\nthere is room again\n');
  },
);
