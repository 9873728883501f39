/** Real worker programs on real pipes. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import { createConnection, type Connection } from '../../src/protocol/connection.ts';
import { CAPABILITIES } from '../../src/protocol/messages.ts';
import type { RunningProcess } from '../../src/supervision/process.ts';
import { startProcess } from '../../src/supervision/start.ts';
import { redactorOf } from '../support/conversation.ts';
import { createMemoryLog, type MemoryLog } from '../support/memory-log.ts';

interface Talk {
  readonly child: RunningProcess;
  readonly connection: Connection;
  readonly log: MemoryLog;
}

async function talkWith(t: TestContext, worker: string, ...args: string[]): Promise<Talk> {
  const file = join(import.meta.dirname, '..', 'fixtures', `worker-${worker}.mjs`);
  const child = await startProcess({ file, args, env: { PATH: process.env.PATH ?? '' } });
  child.stderr.resume();
  const log = createMemoryLog();
  const connection = createConnection({
    input: child.stdout,
    output: child.stdin,
    capabilities: CAPABILITIES,
    limits: { lineBytes: 65_536, messageBytes: 4_194_304 },
    helloTimeoutMs: 60_000,
    clock: systemClock,
    log,
    redactor: redactorOf(),
    onMessage: () => undefined,
  });
  t.after(async () => {
    child.killGroup('SIGKILL');
    await connection.close();
  });
  return { child, connection, log };
}

const END = { type: 'graceful-termination', 'finish-tasks': true } as const;

test('a worker that talks nonsense is logged whole, and its good message arrives', async t => {
  const { child, connection, log } = await talkWith(t, 'talks-nonsense');
  await connection.ended;
  assert.equal((await child.exited).code, 0);
  assert.equal(log.textOf('worker').match(/not taken as a message/g)?.length, 13);
  assert.ok(
    log.outputOf('worker').some(item => item.kind === 'log' && item.body.textPayload === 'a good one'),
  );
  assert.ok(log.textOf('worker').endsWith('\ufffd\ufffd\nthe last line has no newline\n'));
});

test('a flood of lines arrives whole and in order', async t => {
  const { connection, log } = await talkWith(t, 'floods-stdout', '50000');
  await connection.ended;
  const lines = log.textOf('worker').trimEnd().split('\n');
  assert.equal(lines.length, 50_000);
  assert.ok(lines.every((line, n) => Number.parseInt(line, 10) === n));
});

test('a worker that closed its stdin is said not to be reached', async t => {
  const { connection, log } = await talkWith(t, 'closes-stdin');
  await log.says('ready');
  assert.equal(await connection.send(END), 'closed');
});

test('a worker that closed its stdout can still be asked to end', async t => {
  const { child, connection, log } = await talkWith(t, 'closes-stdout');
  await connection.ended;
  assert.equal(log.textOf('worker'), 'last words\n');
  assert.equal(await connection.send(END), 'sent');
  assert.deepEqual(await child.exited, { code: 0, signal: undefined });
});

test('a worker that never reads its stdin is not waited for', async t => {
  const { connection } = await talkWith(t, 'never-reads');
  const token = 'x'.repeat(30_000);
  const sent = Array.from({ length: 20 }, () =>
    connection.send({ type: 'new-credentials', 'client-id': 'c', 'access-token': token }),
  );
  assert.equal(await sent[0], 'sent');
  assert.equal(await sent.at(-1), 'closed');
  await connection.close();
  assert.ok((await Promise.all(sent)).includes('closed'));
});

test('a worker that says hello twice keeps its first hello', async t => {
  const { connection, log } = await talkWith(t, 'says-hello-twice');
  await connection.ended;
  assert.match(log.textOf('worker'), /hello was said before\]\n.*still here/);
  assert.equal(await connection.agreed('shutdown'), false);
});

test('closing the connection ends the reading of what a grandchild holds open', async t => {
  const { child, connection, log } = await talkWith(t, 'leaves-grandchild');
  await child.exited;
  await log.says('grandchild');
  await connection.close();
  assert.match(log.textOf('worker'), /^grandchild \d+\n$/);
});
