import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hello, runWorker, writes } from '../support/worker-run.ts';

void test('error reports that nobody takes hold up the end for ten seconds, and are in the log', async t => {
  const report = '~{"type":"error-report","kind":"disk","title":"no disk","description":"There is none."}';
  const began = performance.now();
  // Nothing listens at the root URL of this configuration.
  const { code, log } = await runWorker(t, `${writes(hello('error-report'), report, report)}\nexit 5`);
  assert.equal(code, 5);
  assert.ok(performance.now() - began >= 10_000);
  assert.equal(log.match(/the worker reports an error: no disk/g)?.length, 2);
  assert.equal(log.match(/the worker's error report did not arrive: [^\n]*; title: no disk\n/g)?.length, 2);
});

void test('a flood of error reports that nobody takes does not fill our memory: what is over a hundred is only in the log', async t => {
  const report = '~{"type":"error-report","kind":"disk","title":"no disk","description":"There is none."}';
  const { code, log } = await runWorker(
    t,
    `${writes(hello('error-report'))}\nyes '${report}' | head -n 20000; echo goes on; exit 5`,
  );
  assert.equal(code, 5);
  assert.match(log, / goes on\n/);
  assert.match(log, /100 error reports wait already: this one is only in the log; title: no disk/);
  assert.equal(log.match(/the worker's error report did not arrive/g)?.length, 100);
});
