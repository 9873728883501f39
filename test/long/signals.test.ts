import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startOnCloud } from '../support/cloud-machine.ts';
import { writes } from '../support/worker-run.ts';

void test('a run that a signal ends is over in its time although nothing answers and output is held', async t => {
  const worker = `trap '' TERM
${writes('~{"type":"hello","capabilities":["error-report"]}', '~{"type":"error-report","kind":"a","title":"b","description":"c","extra":{}}')}
echo ready; while :; do sleep 0.1; done`;
  const run = await startOnCloud(t, {
    worker,
    scenario: {
      faults: [
        { call: 'reportWorkerError', hang: true },
        { call: 'removeWorker', hang: true },
      ],
    },
    lifecycle: { gracePeriod: '200ms', killAfter: '200ms', drainTimeout: '10m', onSignal: 'remove' },
    config: () => ({ network: { retryFor: '10m', attemptTimeout: '10m' } }),
  });
  await run.says('ready\n');
  const startMs = performance.now();
  run.kill('SIGTERM');
  const { code, log } = await run.ended;
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs < 15_400, `it took ${Math.round(tookMs)} ms:\n${log}`);
  assert.equal(code, 128 + 9);
});
