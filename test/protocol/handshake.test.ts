import assert from 'node:assert/strict';
import { PassThrough, Writable } from 'node:stream';
import { test } from 'node:test';
import { converse, HELLO } from '../support/conversation.ts';

const END = { type: 'graceful-termination', 'finish-tasks': true } as const;

test('a message that is due before hello waits for hello', async t => {
  const { stdout, stdin, connection } = converse(t);
  stdin.read();
  const sent = connection.send(END);
  stdout.write(HELLO);
  assert.equal(await sent, 'sent');
  assert.equal(String(stdin.read()), '~{"type":"graceful-termination","finish-tasks":true}\n');
});

test('a worker that says no hello in time counts as one without capabilities, and the log says so once', async t => {
  const { connection, log } = converse(t, { helloTimeoutMs: 1 });
  assert.equal(await connection.send(END), 'not-capable');
  assert.equal(await connection.agreed('log'), false);
  assert.deepEqual(
    log.entries.map(entry => entry.message),
    ['the worker said no hello within 0.001 s: it counts as one without capabilities'],
  );
});

test('a late hello is taken, and messages flow again', async t => {
  const { stdout, connection, log, handled } = converse(t, { helloTimeoutMs: 1 });
  await log.says('said no hello');
  stdout.write(`${HELLO}~{"type":"shutdown"}\nready\n`);
  await log.says('ready');
  assert.equal(await connection.send(END), 'sent');
  assert.deepEqual(handled, [{ type: 'shutdown' }]);
});

test('a second hello changes nothing', async t => {
  const { stdout, connection, log } = converse(t);
  stdout.write(
    '~{"type":"hello","capabilities":["log"]}\n~{"type":"hello","capabilities":["new-credentials"]}\n',
  );
  await log.says('hello was said before');
  assert.equal(await connection.agreed('new-credentials'), false);
  assert.equal(await connection.agreed('log'), true);
});

test('a worker whose output ends without hello is not waited for', async t => {
  const { stdout, connection } = converse(t);
  const sent = connection.send(END);
  stdout.end();
  assert.equal(await sent, 'not-capable');
});

test('messages that wait for hello are sent in order', async t => {
  const { stdout, stdin, connection } = converse(t);
  let received = '';
  stdin.on('data', chunk => (received += String(chunk)));
  const all = ['a', 'b', 'c'].map(id =>
    connection.send({ type: 'new-credentials', 'client-id': id, 'access-token': 't' }),
  );
  stdout.write(HELLO);
  assert.deepEqual(await Promise.all(all), ['sent', 'sent', 'sent']);
  assert.deepEqual(received.match(/"client-id":"."/g), [
    '"client-id":"a"',
    '"client-id":"b"',
    '"client-id":"c"',
  ]);
});

test('a worker that never reads its stdin gets a bounded number of messages', async t => {
  // Takes nothing, ever.
  const output = new Writable({ write: () => undefined });
  const { stdout, connection, log } = converse(t, { output });
  stdout.write(HELLO);
  const token = 'x'.repeat(10_000);
  const sent = Array.from({ length: 20 }, () =>
    connection.send({ type: 'new-credentials', 'client-id': 'c', 'access-token': token }),
  );
  assert.equal(await sent.at(-1), 'closed');
  assert.ok(log.entries.some(entry => entry.message.includes('new-credentials did not reach the worker')));
  assert.ok(output.writableLength <= 64 * 1024);
});

test('messages that wait for a worker that does not read are given up when the connection is closed', async t => {
  const output = new Writable({ write: () => undefined });
  const { stdout, connection } = converse(t, { output });
  stdout.write(HELLO);
  const sent = connection.send(END);
  await connection.agreed('log');
  await connection.close();
  assert.equal(await sent, 'closed');
});

test('a worker that closed its stdin is survived', async t => {
  const output = new PassThrough();
  const { stdout, connection } = converse(t, { output });
  stdout.write(HELLO);
  output.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  assert.equal(await connection.send(END), 'closed');
});

test('a worker that takes a message and is gone in the same moment counts as told', async t => {
  const { stdout, connection } = converse(t, {
    // The pipe's end is heard of before the write's.
    output: new Writable({
      write(chunk, _encoding, callback) {
        setImmediate(callback);
        if (String(chunk).includes('finish-tasks')) process.nextTick(() => this.emit('close'));
      },
    }),
  });
  stdout.write(HELLO);
  assert.equal(await connection.send(END), 'sent');
});
