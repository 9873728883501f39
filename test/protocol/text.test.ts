import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { pumpText } from '../../src/protocol/text-pump.ts';
import { converse, HELLO, redactorOf } from '../support/conversation.ts';
import { createMemoryLog } from '../support/memory-log.ts';

test('text goes to the log as it was written', async t => {
  const { stdout, finish } = converse(t);
  stdout.write('one\n\ntwo ~{ not at the beginning }\n');
  assert.equal(await finish(), 'one\n\ntwo ~{ not at the beginning }\n');
});

test('text may come in pieces of any size, cut anywhere', async t => {
  const text = 'grüße 🙂 ~{x}\n\r\nlast\n'.repeat(3);
  for (const size of [1, 2, 3, 5, 7, 1000]) {
    const { stdout, finish } = converse(t);
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += size) stdout.write(bytes.subarray(at, at + size));
    assert.equal(await finish(), text.replaceAll('\r\n', '\n'), `pieces of ${size}`);
  }
});

test('the last line is logged even without its newline', async t => {
  const { stdout, finish } = converse(t);
  stdout.write('done\nnot done');
  assert.equal(await finish(), 'done\nnot done\n');
});

test('invalid UTF-8 is replaced', async t => {
  const { stdout, finish } = converse(t);
  stdout.write(Buffer.from([0x61, 0xff, 0x0a, 0xe2, 0x82, 0x0a, 0x62, 0x0a]));
  assert.equal(await finish(), 'a\ufffd\n\ufffd\nb\n');
});

test('of an over-long line the rest is dropped and counted', async t => {
  const { stdout, finish } = converse(t, { limits: { lineBytes: 10, messageBytes: 100 } });
  stdout.write('0123456789\nabcdefghijKLM\n');
  for (let n = 0; n < 1000; n += 1) stdout.write('x'.repeat(100));
  stdout.write('\nshort\n');
  assert.equal(
    await finish(),
    '0123456789\n' +
      'abcdefghij [start-worker: 3 more bytes of this line dropped]\n' +
      'xxxxxxxxxx [start-worker: 99990 more bytes of this line dropped]\n' +
      'short\n',
  );
});

test('an over-long line is not cut inside a character', async t => {
  const { stdout, finish } = converse(t, { limits: { lineBytes: 5, messageBytes: 100 } });
  stdout.write('üüüüü\n');
  assert.match(await finish(), /^üü \[start-worker: /);
});

test('an over-long last line without newline is cut too', async t => {
  const { stdout, finish } = converse(t, { limits: { lineBytes: 5, messageBytes: 100 } });
  stdout.write('0123456789');
  assert.equal(await finish(), '01234 [start-worker: 5 more bytes of this line dropped]\n');
});

test('a secret across the cut of an over-long line is not shown, not even in part', async t => {
  const redactor = redactorOf('SECRETSECRET');
  for (let before = 0; before <= 30; before += 1) {
    for (const after of [0, 100]) {
      const { stdout, finish } = converse(t, { redactor, limits: { lineBytes: 20, messageBytes: 100 } });
      stdout.write(`SECRETSECRET${'.'.repeat(before)}SECRETSECRET${'.'.repeat(after)}\n`);
      const shown = await finish();
      assert.ok(
        !/SEC|RET/.test(shown.replaceAll('SECRETSECRET', '')),
        `${before} before, ${after} after: ${shown}`,
      );
    }
  }
});

test('structured messages and text keep their order', async t => {
  const { stdout, finish, log } = converse(t);
  stdout.write(
    `${HELLO}before\n~{"type":"log","body":{"n":1}}\n~{"type":"log","body":{"n":2}}\nbetween\nstill\n`,
  );
  stdout.write('~{"type":"log","body":{"n":3}}\nafter\n');
  await finish();
  assert.deepEqual(log.outputOf('worker'), [
    { kind: 'text', text: 'before\n' },
    { kind: 'log', body: { n: 1 } },
    { kind: 'log', body: { n: 2 } },
    { kind: 'text', text: 'between\nstill\n' },
    { kind: 'log', body: { n: 3 } },
    { kind: 'text', text: 'after\n' },
  ]);
});

test('what the log tells of a message stands where the message came', async t => {
  const conversation = converse(t, {
    onMessage: message => conversation.log.info(`asked for ${message.type}`),
  });
  const { stdout, connection, log } = conversation;
  stdout.end(`one\n${HELLO}two\n~{"type":"shutdown"}\nthree\n`);
  await connection.ended;
  assert.deepEqual(log.inOrder, ['one\n', 'the worker said hello', 'two\n', 'asked for shutdown', 'three\n']);
});

test('a log that takes no more stops the reading, and the worker with it', async t => {
  const { stdout, finish, log } = converse(t);
  const release = log.stall();
  stdout.write('first\n');
  await log.says('first');
  // The stream takes what fits its buffer, and then makes the worker wait.
  let line = 0;
  while (stdout.write(`${line} ${'x'.repeat(1000)}\n`)) line += 1;
  await new Promise(resolve => setImmediate(resolve));
  assert.equal(log.outputCalls, 1);
  release();
  await log.says(`${line} xxx`);
  assert.equal((await finish()).split('\n').length, line + 3);
});

test('closing hands on what was read, the last line too', async t => {
  const { stdout, connection, log } = converse(t);
  log.stall();
  stdout.write('read\n');
  await log.says('read');
  stdout.write('buffered\nunfinished');
  await connection.close();
  assert.equal(log.textOf('worker'), 'read\nbuffered\nunfinished\n');
});

test('an input that breaks is an input that ends', async t => {
  const { stdout, connection, log } = converse(t);
  stdout.write('unfinished');
  stdout.destroy(new Error('the pipe broke'));
  await connection.ended;
  assert.ok(log.entries.some(entry => entry.message.includes('the pipe broke')));
});

test('on stderr ~{…} is text', async () => {
  const log = createMemoryLog();
  const input = new PassThrough();
  const pump = pumpText({
    input,
    source: 'worker-stderr',
    limits: { lineBytes: 100 },
    log,
    redactor: redactorOf(),
  });
  input.end(`${HELLO.slice(0, 60)}\n~{"type":"log","body":{}}\nlast`);
  await pump.ended;
  assert.equal(log.textOf('worker-stderr'), `${HELLO.slice(0, 60)}\n~{"type":"log","body":{}}\nlast\n`);
  assert.deepEqual(log.entries, []);
});
