import assert from 'node:assert/strict';
import { test } from 'node:test';
import { converse, HELLO, redactorOf } from '../support/conversation.ts';

const REFUSED = '[start-worker: not taken as a message: ';

test('welcome is sent at once', t => {
  const { stdin } = converse(t);
  assert.equal(
    String(stdin.read()),
    '~{"type":"welcome","capabilities":["graceful-termination","new-credentials","error-report","log","shutdown"]}\n',
  );
});

test('blanks around a message and CR before its newline are tolerated', async t => {
  const { stdout, finish, log } = converse(t);
  stdout.write(` \t${HELLO.trimEnd()}  \r\n\t~{"type":"log","body":{"n":1}} \t\r\n`);
  await finish();
  assert.deepEqual(log.outputOf('worker'), [{ kind: 'log', body: { n: 1 } }]);
});

test('a message longer than a line of text may be is taken, however it is cut into pieces', async t => {
  const textPayload = 'x'.repeat(3000);
  const line = Buffer.from(`~{"type":"log","body":{"textPayload":"${textPayload}"}}\n`);
  for (const size of [1, 1000, 10_000]) {
    const { stdout, finish, log } = converse(t);
    stdout.write(HELLO);
    for (let at = 0; at < line.length; at += size) stdout.write(line.subarray(at, at + size));
    await finish();
    assert.deepEqual(log.outputOf('worker'), [{ kind: 'log', body: { textPayload } }]);
  }
});

test('a message over limits.message is logged as text and never parsed', async t => {
  const { stdout, finish, log } = converse(t);
  stdout.write(HELLO);
  stdout.write(`~{"type":"log","body":{"textPayload":"${'x'.repeat(5000)}"}}\n`);
  stdout.write('~{"type":"log","body":{"n":1}}\n');
  await finish();
  const [text, body] = log.outputOf('worker');
  assert.ok(
    text?.kind === 'text' &&
      text.text.startsWith('~{"type":"log"') &&
      text.text.includes(' more bytes of this line dropped'),
  );
  assert.deepEqual(body, { kind: 'log', body: { n: 1 } });
});

test('limits.message counts also where it is the smaller limit', async t => {
  const { stdout, finish } = converse(t, { limits: { lineBytes: 1000, messageBytes: 50 } });
  stdout.write('~{"type":"hello","capabilities":["log"]}\n');
  stdout.write(`~{"type":"log","body":{"textPayload":"${'x'.repeat(50)}"}}\n`);
  assert.match(await finish(), /x"}} \[start-worker: .*limits\.message/);
});

const nonsense: readonly (readonly [string, string, string])[] = [
  ['cut JSON', '~{"type":"log","body":{}', 'not one whole JSON object'],
  ['more after the JSON', '~{"type":"shutdown"} ~{}', 'not one whole JSON object'],
  ['nothing', '~{', 'not one whole JSON object'],
  ['no type', '~{}', 'no "type"'],
  ['a type that is no string', '~{"type":null}', 'no "type"'],
  ['an unknown type', '~{"type":"nonsense"}', 'there is no message "nonsense"'],
  ['a name of every object', '~{"type":"toString"}', 'there is no message "toString"'],
  ['a message of the runner', '~{"type":"welcome","capabilities":[]}', '"welcome" is for the runner to send'],
  ['a log without body', '~{"type":"log"}', 'it lacks body'],
  ['a log whose body is an array', '~{"type":"log","body":[]}', '/body must be object'],
  ['a log whose body is null', '~{"type":"log","body":null}', '/body must be object'],
  [
    'null fields',
    '~{"type":"error-report","kind":null,"title":"t","description":"d"}',
    '/kind must be string',
  ],
  [
    'a null extra',
    '~{"type":"error-report","kind":"k","title":"t","description":"d","extra":null}',
    '/extra must be object',
  ],
  ['a second hello', HELLO.trimEnd(), 'hello was said before'],
  ['__proto__', '~{"type":"log","body":{"a":[{"__proto__":{"x":1}}]}}', 'the key "__proto__" is not allowed'],
  ['escaped __proto__', '~{"type":"log","body":{"\\u005f_proto__":1}}', 'the key "__proto__" is not allowed'],
  [
    'constructor',
    '~{"type":"log","body":{"constructor":{"prototype":{}}}}',
    'the key "constructor" is not allowed',
  ],
  ['deep JSON', `~{"type":"log","body":{"a":${'['.repeat(64)}${']'.repeat(64)}}}`, 'more than 64 levels'],
  ['deep JSON behind a string with quotes', `~{"a":"\\\\\\"{","b":${'['.repeat(65)}`, 'more than 64 levels'],
];

for (const [name, line, reason] of nonsense) {
  test(`${name}: logged as it came, with the reason, and the worker goes on`, async t => {
    const { stdout, finish, log, handled } = converse(t);
    stdout.write(`${HELLO}${line}\n~{"type":"log","body":{"n":1}}\n`);
    const shown = await finish();
    assert.ok(shown.startsWith(`${line} ${REFUSED}`), shown);
    assert.ok(shown.includes(reason), shown);
    assert.deepEqual(log.outputOf('worker').at(-1), { kind: 'log', body: { n: 1 } });
    assert.deepEqual(handled, []);
  });
}

test('no part of a secret that stands in place of a type reaches the log', async t => {
  const secret = 'an-access-token-that-has-43-characters-----';
  const { stdout, finish } = converse(t);
  stdout.write(`${HELLO}~${JSON.stringify({ type: secret })}\n`);
  const shown = redactorOf(secret).redact(await finish());
  assert.ok(!shown.includes('an-access'), shown);
  assert.match(shown, /it is of an unknown type of 43 characters/);
});

test('a type that could steer a terminal is not quoted', async t => {
  const { stdout, finish } = converse(t);
  stdout.write(`${HELLO}~{"type":"\\u001b[2J"}\n`);
  assert.match(await finish(), /it is of an unknown type of 4 characters/);
});

test('a message of too many values is refused before it is parsed', async t => {
  const { stdout, finish, log } = converse(t, { limits: { lineBytes: 1024, messageBytes: 1_000_000 } });
  const withValues = (count: number) => `~{"type":"log","body":{"a":[${'[],'.repeat(count)}[]]}}\n`;
  stdout.write(`${HELLO}${withValues(10_000)}${withValues(100_000)}`);
  assert.match(await finish(), /it has more than 100000 values\]\n$/);
  assert.equal(log.outputOf('worker').filter(item => item.kind === 'log').length, 1);
});

test('brackets in strings and words like constructor in values are nothing to refuse', async t => {
  const { stdout, finish, log } = converse(t);
  const body = { textPayload: `the constructor of __proto__ \\" ${'[{'.repeat(100)}` };
  stdout.write(`${HELLO}~${JSON.stringify({ type: 'log', body })}\n`);
  await finish();
  assert.deepEqual(log.outputOf('worker'), [{ kind: 'log', body }]);
});

test('a message before hello is refused', async t => {
  const { stdout, finish, handled } = converse(t);
  stdout.write(`~{"type":"shutdown"}\n${HELLO}`);
  assert.match(await finish(), /it came before hello/);
  assert.deepEqual(handled, []);
});

test('a hello without capabilities is refused, and the next one is taken', async t => {
  const { stdout, finish, handled } = converse(t);
  stdout.write(`~{"type":"hello"}\n${HELLO}~{"type":"shutdown"}\n`);
  assert.match(await finish(), /hello: .*capabilities/);
  assert.deepEqual(handled, [{ type: 'shutdown' }]);
});

test('a message of a capability that hello did not name is refused', async t => {
  const { stdout, finish } = converse(t);
  stdout.write('~{"type":"hello","capabilities":["log","unheard-of"]}\n~{"type":"shutdown"}\n');
  assert.match(await finish(), /shutdown is not among the capabilities/);
});

test('shutdown is passed on once', async t => {
  const { stdout, finish, handled } = converse(t);
  stdout.write(`${HELLO}~{"type":"shutdown"}\n~{"type":"shutdown","why":"again"}\n`);
  assert.match(await finish(), /"again"} .*shutdown was asked for before/);
  assert.deepEqual(handled, [{ type: 'shutdown' }]);
});

test('an error report without extra gets {}, and what other versions may add is left out', async t => {
  const { stdout, finish, handled } = converse(t);
  stdout.write(
    `${HELLO}~{"type":"error-report","kind":"worker-error","title":"t","description":"d","more":1}\n`,
  );
  await finish();
  assert.deepEqual(handled, [
    { type: 'error-report', kind: 'worker-error', title: 't', description: 'd', extra: {} },
  ]);
});

test('an error report is without secrets and within the limits of worker-manager', async t => {
  const secret = 'S3cretS3cret';
  const { stdout, finish, handled } = converse(t, {
    redactor: redactorOf(secret),
    limits: { lineBytes: 1024, messageBytes: 100_000 },
  });
  const report = {
    type: 'error-report',
    kind: `Disk_Full! ${'x'.repeat(200)}`,
    title: `${'t'.repeat(120)}${secret}`,
    description: `${'d'.repeat(10_239)}🙂`,
    extra: { list: [{ [secret]: `a ${secret}` }, 1, null] },
  };
  stdout.write(`${HELLO}~${JSON.stringify(report)}\n`);
  await finish();
  const [sent] = handled;
  assert.ok(sent?.type === 'error-report');
  assert.match(sent.kind, /^disk-full-x{118}$/);
  assert.equal(sent.title, `${'t'.repeat(120)}[secret]`);
  assert.equal(sent.description, 'd'.repeat(10_239));
  assert.deepEqual(sent.extra, { list: [{ '[secret]': 'a [secret]' }, 1, null] });
});

test('a secret that is a number is not in an error report', async t => {
  const { stdout, finish, handled } = converse(t, { redactor: redactorOf('12345678') });
  const report = {
    type: 'error-report',
    kind: 'k',
    title: 't',
    description: 'd',
    extra: { pin: 12345678, n: 7 },
  };
  stdout.write(`${HELLO}~${JSON.stringify(report)}\n`);
  await finish();
  assert.deepEqual(handled[0]?.type === 'error-report' && handled[0].extra, { pin: '[secret]', n: 7 });
});

test('a kind without any usable character becomes worker-error', async t => {
  const { stdout, finish, handled } = converse(t);
  stdout.write(`${HELLO}~{"type":"error-report","kind":"???","title":"t","description":"d"}\n`);
  await finish();
  assert.equal(handled[0]?.type === 'error-report' && handled[0].kind, 'worker-error');
});

test('a handler that throws does not end the conversation', async t => {
  const { stdout, finish, log } = converse(t, {
    onMessage: () => {
      throw new Error('a fault of the handler');
    },
  });
  stdout.write(`${HELLO}~{"type":"shutdown"}\nstill here\n`);
  assert.equal(await finish(), 'still here\n');
  assert.ok(
    log.entries.some(entry => entry.severity === 'error' && entry.message.includes('a fault of the handler')),
  );
});
