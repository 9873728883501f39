import assert from 'node:assert/strict';
import { test } from 'node:test';
import { staticProvider } from '../support/runner-config.ts';
import { simulate, WORKER } from '../support/simulator.ts';
import { hello, makeGate, runWorker, startWorkerRun, writes } from '../support/worker-run.ts';

function report(fields: object): string {
  const whole = { kind: 'disk', title: 'no disk', description: 'There is none.', ...fields };
  return `~${JSON.stringify({ type: 'error-report', ...whole })}`;
}

const HELLO = hello('error-report', 'log');

/** More than a pipe holds. */
const MUCH_TEXT = 'seq 30000; echo end of text';

void test("a worker's error reports arrive at worker-manager, in order, cut to its limits, and with extra", async t => {
  const simulator = await simulate(t, { faults: [{ call: 'reportWorkerError', delay: '300ms' }] });
  const { code, log } = await runWorker(
    t,
    `${writes(
      HELLO,
      report({}),
      report({ kind: 'Disk_Full!', title: 't'.repeat(200), description: `${'d'.repeat(10_239)}🙂` }),
      report({ title: 'third', extra: { deep: [{ n: 1 }] } }),
    )}\nexit 5`,
    { provider: staticProvider(simulator.rootUrl) },
  );
  assert.equal(code, 5);
  const { workerGroup, workerId } = WORKER;
  const who = { workerGroup, workerId };
  const reports = simulator.requests.filter(({ call }) => call === 'reportWorkerError');
  assert.deepEqual(
    reports.map(({ status, payload }) => ({ status, payload })),
    [
      { ...who, kind: 'disk', title: 'no disk', description: 'There is none.', extra: {} },
      { ...who, kind: 'disk-full', title: 't'.repeat(128), description: 'd'.repeat(10_239), extra: {} },
      {
        ...who,
        kind: 'disk',
        title: 'third',
        description: 'There is none.',
        extra: { deep: [{ n: 1 }] },
      },
    ].map(payload => ({ status: 200, payload })),
  );
  assert.match(
    log,
    /the worker reports an error: no disk; description: There is none\.; extra: \{\}; kind: disk/,
  );
  assert.match(log, /the worker exited with code 5[^]*reported the worker's error: third$/m);
});

void test('a report that is refused for now is sent again, the worker’s output goes on meanwhile, and its exit waits', async t => {
  const simulator = await simulate(t, {
    faults: [{ call: 'reportWorkerError', status: 503, times: 2 }],
  });
  const { code, log } = await runWorker(
    t,
    `${writes(HELLO, report({ title: 'first' }), report({ title: 'second' }))}\n${MUCH_TEXT}; exit 5`,
    { provider: staticProvider(simulator.rootUrl) },
  );
  assert.equal(code, 5);
  assert.deepEqual(
    simulator.requests
      .filter(({ call }) => call === 'reportWorkerError')
      .map(({ status, payload }) => [status, (payload as { title: string }).title]),
    [
      [503, 'first'],
      [503, 'first'],
      [200, 'first'],
      [200, 'second'],
    ],
  );
  assert.match(log, /end of text[^]*the worker exited[^]*error: first\n[^]*error: second\n/);
  assert.equal(log.match(/503[^\n]*next try in/g)?.length, 2, 'one line a retry');
});

void test('a report that hangs holds up neither the worker’s output nor its end for ever', async t => {
  const simulator = await simulate(t, { faults: [{ call: 'reportWorkerError', hang: true, times: 1 }] });
  const gate = await makeGate(t);
  const runner = await startWorkerRun(t, `${writes(HELLO, report({}))}\n${gate.wait}\n${MUCH_TEXT}; exit 5`, {
    provider: staticProvider(simulator.rootUrl),
    network: { attemptTimeout: '500ms' },
  });
  await simulator.waitFor('reportWorkerError');
  await gate.open();
  const { code, stderr } = await runner.exited;
  assert.equal(code, 5);
  assert.match(stderr, /end of text/);
  assert.match(stderr, /reported the worker's error: no disk$/m);
});

void test('a report that worker-manager refuses for good is in the log with its words, and the next one is sent', async t => {
  const simulator = await simulate(t, {
    faults: [{ call: 'reportWorkerError', status: 403, message: 'not for you', times: 1 }],
  });
  const { code, log } = await runWorker(
    t,
    `${writes(HELLO, report({ title: 'first' }), report({ title: 'second' }))}\nexit 5`,
    { provider: staticProvider(simulator.rootUrl) },
  );
  assert.equal(code, 5);
  assert.match(log, /error: the worker's error report did not arrive: [^\n]*not for you[^\n]*title: first/);
  assert.match(log, /reported the worker's error: second/);
});

void test('a report is public: no secret that the runner knows is in it', async t => {
  const simulator = await simulate(t);
  const { staticSecret } = WORKER;
  const { code } = await runWorker(
    t,
    writes(
      HELLO,
      report({
        kind: staticSecret,
        title: `title ${staticSecret}`,
        description: `${'x'.repeat(10_230)}${staticSecret}`,
        extra: {
          [staticSecret]: [staticSecret, { base64: Buffer.from(`--${staticSecret}`).toString('base64') }],
        },
      }),
    ),
    { provider: staticProvider(simulator.rootUrl) },
  );
  assert.equal(code, 0);
  const sent = simulator.requests.find(({ call }) => call === 'reportWorkerError');
  assert.equal(sent?.status, 200);
  const text = JSON.stringify(sent.payload);
  assert.ok(!text.includes(staticSecret.slice(0, 10)), text);
  assert.ok(!text.includes(Buffer.from(staticSecret).toString('base64').slice(0, 16)), text);
  assert.match(text, /title \[secret\]/);
});
