import assert from 'node:assert/strict';
import { test } from 'node:test';
import { STANDALONE_PROVIDER } from '../support/runner-config.ts';
import {
  hello,
  helloLine,
  logMessage,
  refusedLine,
  runWorker,
  saysHello,
  writes,
} from '../support/worker-run.ts';

void test('text and log messages keep their order', async t => {
  const { lines } = await runWorker(
    t,
    `${saysHello('log')}
     seq 20000 | sed 'n; s/.*/~{"type":"log","body":{"textPayload":"&"}}/'`,
  );
  assert.deepEqual(lines, [helloLine('log'), ...Array.from({ length: 20_000 }, (_, n) => String(n + 1))]);
});

void test('a log message stands in the log as text, then its other keys sorted, values that are no text as JSON', async t => {
  const { lines, log } = await runWorker(
    t,
    writes(
      hello('log'),
      logMessage({ textPayload: 'only text' }),
      logMessage({
        zone: 'z',
        textPayload: 'with more',
        list: [1, { a: 2 }],
        count: 3,
        none: null,
        yes: true,
      }),
      logMessage({ key: 'without text' }),
      logMessage({ textPayload: { an: 'object' } }),
      logMessage({ textPayload: 'two\nlines', key: 'value' }),
      logMessage({}),
    ),
  );
  assert.deepEqual(lines, [
    helloLine('log'),
    'only text',
    'with more; count: 3; list: [1,{"a":2}]; none: null; yes: true; zone: z',
    'key: without text',
    '{"an":"object"}',
    'two',
    'lines; key: value',
    '{}',
  ]);
  for (const line of log.trimEnd().split('\n')) assert.match(line, /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d ./);
});

void test('blanks around a message and CR LF are tolerated, and a mark in the middle of a line is text', async t => {
  const { lines } = await runWorker(
    t,
    String.raw`printf ' \t~{"type":"hello","capabilities":["log"]} \t\r\n'
     printf '~{"type":"log","body":{"textPayload":"one"}}\r\ntwo\r\n\r\nthree ~{"type":"shutdown"}\n'
     printf '~{"type":"log","body":{"textPayload":"the last"}}'`,
  );
  assert.deepEqual(lines, [helloLine('log'), 'one', 'two', '', 'three ~{"type":"shutdown"}', 'the last']);
});

void test('invalid UTF-8 is replaced, also in a message, and characters in pieces are put together', async t => {
  const { lines } = await runWorker(
    t,
    String.raw`${saysHello('log')}
     printf 'a\377b \342\202\n'; printf '\303'; sleep 0.1; printf '\274\n'
     printf '~{"type":"log","body":{"textPayload":"\360\237"}}\n'; printf '\360\237\231'`,
  );
  assert.deepEqual(lines, [helloLine('log'), 'a\ufffdb \ufffd', 'ü', '\ufffd', '\ufffd']);
});

const LIMITS = { limits: { line: '1KiB', message: '2KiB' } };

void test('of an over-long line the beginning is logged, and the rest is dropped and counted', async t => {
  const { lines } = await runWorker(
    t,
    `printf '%01024d\\n' 0; printf '%01025d\\nshort\\n' 0
     yes 0123456789abcde | head -c 3200000 | tr '\\n' '|'; echo; echo next
     printf '%02000d' 0 >&2`,
    LIMITS,
  );
  const dropped = (bytes: number) => ` [start-worker: ${bytes} more bytes of this line dropped]`;
  const onStderr = lines.filter(line => line.startsWith('worker stderr: '));
  assert.deepEqual(onStderr, [`worker stderr: ${'0'.repeat(1024)}${dropped(976)}`]);
  assert.deepEqual(
    lines.filter(line => !onStderr.includes(line)),
    [
      '0'.repeat(1024),
      `${'0'.repeat(1024)}${dropped(1)}`,
      'short',
      `${'0123456789abcde|'.repeat(64)}${dropped(3_200_000 - 1024)}`,
      'next',
    ],
  );
});

void test('an over-long message is text, and one that is longer than a line of text may be is a message', async t => {
  const long = logMessage({ textPayload: 'm'.repeat(1500) });
  const overlong = logMessage({ textPayload: 'm'.repeat(3000) });
  const { lines } = await runWorker(t, writes(hello('log'), long, overlong, 'next'), LIMITS);
  assert.deepEqual(lines, [
    helloLine('log'),
    'm'.repeat(1500),
    `${overlong.slice(0, 1024)} [start-worker: ${overlong.length - 1024} more bytes of this line dropped]`,
    'next',
  ]);
});

void test('a long line that is not taken as a message is cut like text', async t => {
  const line = `~{"type":"no-such-message","x":"${'m'.repeat(1500)}"}`;
  const cut = `${line.slice(0, 1024)} [start-worker: ${line.length - 1024} more bytes of this line dropped]`;
  const { lines } = await runWorker(t, writes(line), LIMITS);
  assert.deepEqual(lines, [refusedLine(cut, 'there is no message "no-such-message"')]);
});

void test('a worker that floods stdout and stderr at once loses nothing of either', async t => {
  const { code, lines } = await runWorker(t, 'seq 50000 & seq 50000 >&2; wait; exit 9');
  assert.equal(code, 9);
  const numbers = Array.from({ length: 50_000 }, (_, n) => String(n + 1));
  const isStderr = (line: string) => line.startsWith('worker stderr: ');
  assert.deepEqual(
    lines.filter(line => !isStderr(line)),
    numbers,
  );
  assert.deepEqual(
    lines.filter(isStderr),
    numbers.map(number => `worker stderr: ${number}`),
  );
});

void test('~{ has no meaning on stderr', async t => {
  const { lines } = await runWorker(t, `{ ${saysHello('log')}\n} >&2`);
  assert.deepEqual(lines, [`worker stderr: ${hello('log')}`]);
});

void test("a worker's own access token is not in its output, and the lines around it are whole", async t => {
  const { log } = await runWorker(t, `echo "before"; cat "$3"; echo "after"`);
  assert.ok(!log.includes(STANDALONE_PROVIDER.accessToken), log);
  assert.match(log, /"accessToken":\s*"\[secret\]"[^]*after\n/);
});
