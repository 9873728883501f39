import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createRedactor } from '../../src/logging/create-redactor.ts';
import { createJsonFormatter } from '../../src/logging/json-formatter.ts';
import type { OutputItem } from '../../src/logging/log.ts';
import { createStamp } from '../../src/logging/stamp.ts';
import { textOfBody } from '../../src/logging/structured.ts';
import { createTextFormatter } from '../../src/logging/text-formatter.ts';

const SECRET = 'hunter2"hunter2';
const STAMP = /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d $/;

function redactor() {
  const made = createRedactor();
  made.add(SECRET);
  return made;
}

function text(value: string): OutputItem {
  return { kind: 'text', text: value };
}

/** The lines less their stamps, each of which is checked. */
function withoutStamps(lines: string): readonly string[] {
  assert.ok(lines.endsWith('\n'));
  return lines
    .slice(0, -1)
    .split('\n')
    .map(line => {
      assert.match(line.slice(0, 20), STAMP);
      return line.slice(20);
    });
}

suite('lines for people', () => {
  const format = createTextFormatter(redactor());

  test('the runner names itself, and says how severe it is', () => {
    assert.deepEqual(withoutStamps(format.entry('info', 'hello', {})), ['start-worker: hello']);
    assert.deepEqual(withoutStamps(format.entry('warning', 'hello', {})), ['start-worker: warning: hello']);
    assert.deepEqual(withoutStamps(format.entry('error', 'hello', {})), ['start-worker: error: hello']);
  });

  test('fields follow the message in the order of their names', () => {
    const line = format.entry('info', 'started', { pid: 12, env: { a: 1 }, b: 'text' });
    assert.deepEqual(withoutStamps(line), ['start-worker: started; b: text; env: {"a":1}; pid: 12']);
  });

  test('each line of a longer text has its stamp and mark', () => {
    assert.deepEqual(withoutStamps(format.entry('error', 'one\ntwo\n', {})), [
      'start-worker: error: one',
      'start-worker: error: two',
    ]);
  });

  test("the worker's lines stand as they are, those of its stderr are marked", () => {
    assert.deepEqual(withoutStamps(format.output('worker', [text('one\n\ntwo\n')])), ['one', '', 'two']);
    assert.deepEqual(withoutStamps(format.output('worker-stderr', [text('one\ntwo\n')])), [
      'worker stderr: one',
      'worker stderr: two',
    ]);
  });

  test('text and structured messages keep their order', () => {
    const items = [
      text('before\n'),
      { kind: 'log', body: { textPayload: 'message\n', z: 1 } },
      text('after\n'),
    ] as const;
    assert.deepEqual(withoutStamps(format.output('worker', items)), ['before', 'message', '; z: 1', 'after']);
  });

  test('a secret is replaced in messages, fields and output', () => {
    assert.deepEqual(withoutStamps(format.entry('info', SECRET, { a: SECRET, b: [SECRET] })), [
      'start-worker: [secret]; a: [secret]; b: ["[secret]"]',
    ]);
    assert.deepEqual(withoutStamps(format.output('worker', [text(`x ${SECRET}\n`)])), ['x [secret]']);
  });

  test('a batch of nothing is nothing', () => {
    assert.equal(format.output('worker', []), '');
    assert.equal(format.output('worker', [text('')]), '');
  });
});

suite('structured messages as text', () => {
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  const cases: readonly (readonly [string, Record<string, unknown>, string])[] = [
    ['the text alone', { textPayload: 'hello' }, 'hello'],
    ['the text first, the other keys sorted', { z: 'a', textPayload: 'hello', b: 'c' }, 'hello; b: c; z: a'],
    ['no text', { b: 1, a: null }, 'a: null; b: 1'],
    ['values that are no strings', { a: [1], b: { c: true }, textPayload: 5 }, '5; a: [1]; b: {"c":true}'],
    ['an empty body', {}, '{}'],
    [
      'what JSON does not know',
      { a: undefined, b: 10n, c: new Error('bad') },
      'a: "undefined"; b: "10"; c: "bad"',
    ],
    ['a circle', { a: circle }, 'a: "[cannot be shown]"'],
  ];
  for (const [name, body, expected] of cases) test(name, () => assert.equal(textOfBody(body), expected));
});

suite('lines for machines', () => {
  const format = createJsonFormatter(redactor());

  function parsed(lines: string): readonly unknown[] {
    return lines
      .split('\n')
      .slice(0, -1)
      .map(line => {
        const { time, ...rest } = JSON.parse(line) as Record<string, unknown>;
        assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        return rest;
      });
  }

  test('an entry is one object, with fields only where there are any', () => {
    assert.deepEqual(parsed(format.entry('warning', 'two\nlines', {})), [
      { severity: 'warning', source: 'runner', message: 'two\nlines' },
    ]);
    assert.deepEqual(parsed(format.entry('info', 'a', { pid: 1 })), [
      { severity: 'info', source: 'runner', message: 'a', fields: { pid: 1 } },
    ]);
  });

  test('each line of the worker is an object', () => {
    assert.deepEqual(parsed(format.output('worker-stderr', [text('one\n"two"\n')])), [
      { severity: 'info', source: 'worker-stderr', message: 'one' },
      { severity: 'info', source: 'worker-stderr', message: '"two"' },
    ]);
  });

  test('a structured message has its text as message and the rest as fields', () => {
    const items: readonly OutputItem[] = [
      { kind: 'log', body: { textPayload: 'hello', severity: 'high', n: 1 } },
      { kind: 'log', body: {} },
    ];
    assert.deepEqual(parsed(format.output('worker', items)), [
      { severity: 'info', source: 'worker', message: 'hello', fields: { severity: 'high', n: 1 } },
      { severity: 'info', source: 'worker', message: '' },
    ]);
  });

  test('a secret is replaced wherever it stands, and JSON remains', () => {
    const known = createRedactor();
    for (const secret of [SECRET, '12345678', '":"value']) known.add(secret);
    const body = { [SECRET]: { deep: [SECRET, 12345678] }, key: 'value' };
    assert.deepEqual(parsed(createJsonFormatter(known).output('worker', [{ kind: 'log', body }])), [
      {
        severity: 'info',
        source: 'worker',
        message: '',
        fields: { '[secret]': { deep: ['[secret]', '[secret]'] }, key: 'value' },
      },
    ]);
  });

  test('what cannot be written as JSON is named', () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    assert.deepEqual(parsed(format.entry('info', 'a', circle)), [
      { severity: 'info', source: 'runner', message: 'a', fields: '[cannot be shown]' },
    ]);
  });
});

test('the stamp is the local time', t => {
  const { TZ } = process.env;
  t.after(() => {
    if (TZ === undefined) delete process.env['TZ'];
    else process.env['TZ'] = TZ;
  });
  process.env['TZ'] = 'Asia/Kolkata';
  let now = Date.UTC(2026, 0, 2, 20, 4, 5, 999);
  const stamp = createStamp(() => now);
  assert.equal(stamp(), '2026/01/03 01:34:05');
  now += 1;
  assert.equal(stamp(), '2026/01/03 01:34:06');
});
