import assert from 'node:assert/strict';
import { test } from 'node:test';
import { staticProvider } from '../support/runner-config.ts';
import { simulate } from '../support/simulator.ts';
import {
  hello,
  helloLine,
  linesOfWorker,
  logMessage,
  makeGate,
  refusedLine,
  runWorker,
  saysHello,
  startWorkerRun,
  writes,
} from '../support/worker-run.ts';

const ALL = ['graceful-termination', 'new-credentials', 'error-report', 'log', 'shutdown'];

void test('welcome comes at once, before the worker has said anything, and offers all capabilities', async t => {
  const { lines, code } = await runWorker(t, 'read -r welcome; echo "read: $welcome"');
  assert.equal(code, 0);
  assert.deepEqual(lines, [`read: ~{"type":"welcome","capabilities":${JSON.stringify(ALL)}}`]);
});

void test('a worker that says no hello is told of once, and SIGTERM reaches it as a signal', async t => {
  const runner = await startWorkerRun(t, 'exec sleep 300', { lifecycle: { helloTimeout: '50ms' } });
  await runner.says('said no hello within 0.05 s');
  runner.kill('SIGTERM');
  const { code, stderr } = await runner.exited;
  assert.equal(code, 128 + 15);
  assert.deepEqual(linesOfWorker(stderr), [
    'start-worker: warning: the worker said no hello within 0.05 s: it counts as one without capabilities',
    'start-worker: SIGTERM: asking the worker to finish its tasks and end; a second signal ends it at once',
    'start-worker: the worker cannot be asked by message: it was sent SIGTERM',
  ]);
});

void test('SIGTERM before hello waits for the hello timeout', async t => {
  const runner = await startWorkerRun(t, 'echo ready; exec sleep 300', {
    lifecycle: { helloTimeout: '3s' },
  });
  await runner.says(/ ready\n/);
  runner.kill('SIGTERM');
  const { stderr } = await runner.exited;
  assert.match(stderr, /SIGTERM: asking[^]*said no hello within[^]*it was sent SIGTERM[^]*ended by SIGTERM/);
});

void test('SIGTERM before hello waits for hello, and then the worker is asked by message', async t => {
  const gate = await makeGate(t);
  const runner = await startWorkerRun(
    t,
    `echo ready; trap 'echo signalled' TERM; read -r welcome
     ${gate.wait}
     ${saysHello('graceful-termination')}
     read -r asked; echo "asked: $asked"`,
  );
  await runner.says(/ ready\n/);
  runner.kill('SIGTERM');
  await runner.says('SIGTERM: asking');
  await gate.open();
  const { code, stderr } = await runner.exited;
  assert.equal(code, 0);
  assert.match(stderr, /asked: ~\{"type":"graceful-termination","finish-tasks":true\}/);
  assert.ok(!stderr.includes('signalled'), stderr);
});

void test('a late hello is accepted, and messages flow from then on', async t => {
  const gate = await makeGate(t);
  const runner = await startWorkerRun(
    t,
    `read -r welcome
     ${gate.wait}
     ${writes(hello('log', 'graceful-termination'), logMessage({ textPayload: 'late, but here' }))}
     read -r asked; echo "asked: $asked"`,
    { lifecycle: { helloTimeout: '50ms' } },
  );
  await runner.says('said no hello');
  await gate.open();
  await runner.says('late, but here');
  runner.kill('SIGTERM');
  const { code, stderr } = await runner.exited;
  assert.equal(code, 0);
  assert.match(stderr, /asked: ~\{"type":"graceful-termination"/);
  assert.equal(stderr.match(/said no hello/g)?.length, 1);
});

void test('a second hello is logged and changes nothing', async t => {
  const { lines } = await runWorker(
    t,
    writes(
      hello('log'),
      hello('log', 'shutdown'),
      '~{"type":"shutdown"}',
      logMessage({ textPayload: 'still' }),
    ),
  );
  assert.deepEqual(lines, [
    helloLine('log'),
    refusedLine(hello('log', 'shutdown'), 'hello was said before'),
    refusedLine('~{"type":"shutdown"}', 'shutdown is not among the capabilities of both hello and welcome'),
    'still',
  ]);
});

const DEEP = `~{"type":"log","body":{"deep":${'['.repeat(100)}${']'.repeat(100)}}}`;

void test('what is not taken as a message is logged as it came, with the reason, and the run goes on', async t => {
  const beforeHello: readonly (readonly [string, string])[] = [
    [logMessage({ textPayload: 'early' }), 'it came before hello'],
    ['~{"type":"shutdown"}', 'it came before hello'],
    ['~{"type":"hello"}', 'hello: it lacks capabilities'],
    ['~{"type":"hello","capabilities":null}', 'hello: /capabilities must be array'],
    ['~{"type":"hello","capabilities":[1]}', 'hello: /capabilities/0 must be string'],
  ];
  const afterHello: readonly (readonly [string, string])[] = [
    ['~{"type":"shutdown"}', 'shutdown is not among the capabilities of both hello and welcome'],
    ['~{"type":"log","body":"text"}', 'log: /body must be object'],
    ['~{"type":"log","body":["text"]}', 'log: /body must be object'],
    ['~{"type":"log","body":null}', 'log: /body must be object'],
    ['~{"type":"log"}', 'log: it lacks body'],
    [
      '~{"type":"error-report","kind":null,"title":null,"description":null,"extra":null}',
      'error-report: /kind must be string; /title must be string; /description must be string; /extra must be object',
    ],
    ['~{"type":"no-such-message"}', 'there is no message "no-such-message"'],
    ['~{"type":"welcome","capabilities":[]}', '"welcome" is for the runner to send'],
    ['~{"type":7}', 'it has no "type", or one that is no string'],
    ['~{"type":null}', 'it has no "type", or one that is no string'],
    ['~{}', 'it has no "type", or one that is no string'],
    ['~{', 'what follows ~ is not one whole JSON object'],
    ['~{"type":"log","body":{}', 'what follows ~ is not one whole JSON object'],
    ['~{"type":"log","body":{}} and more', 'what follows ~ is not one whole JSON object'],
    ["~{'type':'log'}", 'what follows ~ is not one whole JSON object'],
    [DEEP, 'it is nested more than 64 levels deep'],
    ['~{"type":"log","body":{"__proto__":{"polluted":true}}}', 'the key "__proto__" is not allowed'],
    ['~{"type":"log","body":{"a":[{"\\u005f_proto__":1}]}}', 'the key "__proto__" is not allowed'],
    ['~{"constructor":{"prototype":{}},"type":"log","body":{}}', 'the key "constructor" is not allowed'],
  ];
  const { code, lines } = await runWorker(
    t,
    `${writes(
      ...beforeHello.map(([line]) => line),
      hello('log', 'error-report', 'no-such-capability'),
      ...afterHello.map(([line]) => line),
      logMessage({ textPayload: 'a good one' }),
    )}\nexit 4`,
  );
  assert.equal(code, 4);
  assert.deepEqual(lines, [
    ...beforeHello.map(([line, reason]) => refusedLine(line, reason)),
    helloLine('error-report', 'log'),
    ...afterHello.map(([line, reason]) => refusedLine(line, reason)),
    'a good one',
  ]);
});

for (const provider of ['standalone', 'static'] as const) {
  void test(`shutdown on ${provider} is one line in the log, and the worker goes on`, async t => {
    const settings =
      provider === 'standalone' ? {} : { provider: staticProvider((await simulate(t)).rootUrl) };
    const { code, lines } = await runWorker(
      t,
      `${writes('before', hello('shutdown'), '~{"type":"shutdown"}', 'after', '~{"type":"shutdown"}')}\nexit 6`,
      settings,
    );
    assert.equal(code, 6);
    assert.deepEqual(lines, [
      'before',
      helloLine('shutdown'),
      `start-worker: the worker asks for this machine to be ended: ${provider} machines are left running`,
      'after',
      refusedLine('~{"type":"shutdown"}', 'shutdown was asked for before'),
    ]);
  });
}
