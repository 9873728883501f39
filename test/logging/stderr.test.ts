import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { after, before, suite, test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { slimWinston } from '../../tools/slim-winston.ts';
import { makeTemporaryFolder, removeFolder, temporaryFolder } from '../support/temp.ts';

const FIXTURE = join(import.meta.dirname, '..', 'fixtures', 'log-writer.ts');

/** The fixture, made into a bundle as the build makes start-worker. */
let bundle = '';
let folder = '';

before(async () => {
  folder = await makeTemporaryFolder();
  bundle = join(folder, 'log-writer.cjs');
  const options = { bundle: true, platform: 'node', format: 'cjs', logLevel: 'error' } as const;
  await build({ ...options, entryPoints: [FIXTURE], outfile: bundle, plugins: [slimWinston()] });
});
after(() => removeFolder(folder));

interface Writer {
  readonly pid: number;
  readonly stdout: Readable;
  /** The exit code, once it has ended. */
  readonly exited: Promise<number | null>;
  /** Resolves once stdout holds the text. */
  says(text: string): Promise<void>;
}

function startWriter(
  t: TestContext,
  args: readonly string[],
  stderr: number | 'pipe',
): Writer & { stderr: Readable | null } {
  const child = spawn(process.execPath, [bundle, ...args], { stdio: ['ignore', 'pipe', stderr] });
  t.after(() => child.kill('SIGKILL'));
  let said = '';
  const stdout = child.stdout as Readable;
  stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const exited = new Promise<number | null>(resolve => child.on('close', resolve));
  return {
    pid: child.pid ?? 0,
    stdout,
    stderr: child.stderr,
    exited,
    async says(text) {
      while (!said.includes(text)) {
        const ended = await Promise.race([once(stdout, 'data').then(() => false), exited.then(() => true)]);
        if (ended && !said.includes(text)) throw new Error(`it ended without "${text}": ${said}`);
      }
    },
  };
}

/** A pipe as shells make them; Node's own 'pipe' is a socket. Nothing is read before the reader is listened to. */
async function makePipe(t: TestContext): Promise<{ reader: Socket; writeEnd: number }> {
  const path = join(await temporaryFolder(t), 'pipe');
  await promisify(execFile)('mkfifo', [path]);
  const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeEnd = openSync(path, constants.O_WRONLY);
  const reader = new Socket({ fd: readEnd, readable: true, writable: false });
  reader.pause();
  t.after(() => reader.destroy());
  return { reader, writeEnd };
}

async function textOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const part of stream.setEncoding('utf8')) text += String(part);
  return text;
}

function messagesOf(log: string): readonly string[] {
  return log
    .split('\n')
    .slice(0, -1)
    .map(line => line.replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /, ''));
}

const GREETINGS = [
  'start-worker: first',
  ...Array.from({ length: 100 }, (_, line) => `line ${line}`),
  'start-worker: error: last',
];

suite('standard error', { concurrency: 4, skip: process.platform === 'win32' }, () => {
  test('everything is there, in order, when the program ends: on a pipe', async t => {
    const { reader, writeEnd } = await makePipe(t);
    const writer = startWriter(t, ['greet'], writeEnd);
    closeSync(writeEnd);
    assert.deepEqual(messagesOf(await textOf(reader)), GREETINGS);
    assert.equal(await writer.exited, 7);
  });

  test('everything is there, in order, when the program ends: on a socket', async t => {
    const writer = startWriter(t, ['greet'], 'pipe');
    assert.ok(writer.stderr);
    assert.deepEqual(messagesOf(await textOf(writer.stderr)), GREETINGS);
    assert.equal(await writer.exited, 7);
  });

  test('everything is there, in order, when the program ends: in a file', async t => {
    const path = join(await temporaryFolder(t), 'err');
    const file = openSync(path, 'w');
    const writer = startWriter(t, ['greet'], file);
    closeSync(file);
    assert.equal(await writer.exited, 7);
    assert.deepEqual(messagesOf(readFileSync(path, 'utf8')), GREETINGS);
  });

  test('a closed standard error is survived', async t => {
    const child = spawn('/bin/sh', ['-c', '"$0" "$1" forward 2>&-', process.execPath, bundle], {
      stdio: 'ignore',
    });
    t.after(() => child.kill('SIGKILL'));
    assert.deepEqual(await once(child, 'exit'), [7, null]);
  });

  test(
    'a full disk is survived, and nobody waits for it',
    { skip: process.platform !== 'linux' },
    async t => {
      const full = openSync('/dev/full', 'w');
      const writer = startWriter(t, ['forward'], full);
      closeSync(full);
      assert.equal(await writer.exited, 7);
    },
  );

  for (const kind of ['pipe', 'socket'] as const) {
    test(`a reader that goes away is survived, and nobody waits for it: on a ${kind}`, async t => {
      const { writer, reader } = await startUnread(t, kind, 'forward');
      await writer.says('waiting, and alive');
      reader.destroy();
      await writer.says('forwarded');
      assert.equal(await writer.exited, 7);
    });

    test(`a reader that stops makes the worker wait but not the runner, and loses nothing: on a ${kind}`, async t => {
      const { writer, reader } = await startUnread(t, kind, 'forward');
      await writer.says('waiting, and alive');
      const lines = messagesOf(await textOf(reader));
      assert.equal(lines.length, 60_000);
      assert.ok(lines.every((line, number) => line.startsWith(`${number} `)));
      assert.equal(await writer.exited, 7);
    });

    test(`a reader that stops for ever is given up at the end: on a ${kind}`, async t => {
      const { writer, reader } = await startUnread(t, kind, 'entries');
      assert.equal(await writer.exited, 7);
      reader.destroy();
    });

    test(`the runner's own entries are dropped and counted rather than piled up: on a ${kind}`, async t => {
      const { writer, reader } = await startUnread(t, kind, 'entries');
      await writer.says('logged');
      const lines = messagesOf(await textOf(reader));
      assert.match(
        lines.at(-1) ?? '',
        /^start-worker: warning: the log could not be written for a while: up to \d{5} entries lost$/,
      );
      const lost = Number(/(\d+) entries/.exec(lines.at(-1) ?? '')?.[1]);
      assert.equal(lines.length - 1 + lost, 100_000);
      assert.equal(await writer.exited, 7);
    });
  }

  test(
    'whoever shares our pipe goes on writing as before: it is not made non-blocking',
    { skip: process.platform !== 'linux' },
    async t => {
      const { writer, reader } = await startUnread(t, 'pipe', 'forward');
      await writer.says('waiting, and alive');
      const flags = /flags:\s*(\d+)/.exec(readFileSync(`/proc/${writer.pid}/fdinfo/2`, 'utf8'))?.[1];
      assert.equal(parseInt(flags ?? '', 8) & constants.O_NONBLOCK, 0);
      reader.destroy();
      await writer.exited;
    },
  );
});

/** A program whose standard error nobody reads until the reader is listened to. */
async function startUnread(
  t: TestContext,
  kind: 'pipe' | 'socket',
  what: string,
): Promise<{ writer: Writer; reader: Readable }> {
  if (kind === 'socket') {
    const writer = startWriter(t, [what], 'pipe');
    assert.ok(writer.stderr);
    return { writer, reader: writer.stderr };
  }
  const { reader, writeEnd } = await makePipe(t);
  const writer = startWriter(t, [what], writeEnd);
  closeSync(writeEnd);
  return { writer, reader };
}
