/** What takes its time of the watch for the end of a cloud's machine: the clouds' own intervals. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LOOKED_AT, moreLooks, startListening } from '../support/listening-worker.ts';
import type { ScenarioMachine } from '../../src/simulator/index.ts';

const OUTAGE =
  /warning: for .* the cloud has not said whether it takes this machine away: [^\n]*; it is asked on/;
const OVER = /the cloud says again whether it takes this machine away, after /;

/** As documented: looks that take this long at least. Google answers a request that waits after 10 s. */
const LOOKS = {
  aws: { count: 10, everyMs: 2000 },
  azure: { count: 20, everyMs: 1000 },
  google: { count: 3, everyMs: 10_000 },
} as const;

void suite('the end of a machine, watched for a while', { concurrency: true }, () => {
  for (const cloud of Object.keys(LOOKS) as ScenarioMachine['cloud'][]) {
    test(`a quiet stretch on ${cloud} asks as often as is documented and writes nothing; a notice after it is told`, async t => {
      const worker = await startListening(t, { cloud });
      const { simulator } = worker;
      await worker.says(' got ');
      const before = worker.lines();
      const { count, everyMs } = LOOKS[cloud];
      const beganMs = performance.now();
      await moreLooks(simulator, cloud, count);
      const tookMs = performance.now() - beganMs;
      // The first of them may have been due.
      assert.ok(tookMs > (count - 1) * everyMs - 100, `${tookMs} ms`);
      assert.deepEqual(worker.lines(), before);
      simulator.happen('spot-interruption');
      await worker.gets(1);
      await worker.end();
      const { code, log } = await worker.ended;
      assert.equal(code, 0, log);
    });
  }

  test('a token that AWS does not give back is an outage like any other, and none when it is given', async t => {
    const worker = await startListening(t, { cloud: 'aws', interruptions: { poll: '100ms' } });
    const { simulator } = worker;
    await worker.says(' got ');
    simulator.setFaults([{ call: 'metadata', path: '/latest/api/token', status: 503 }]);
    simulator.happen('tokens lost');
    await worker.says(OUTAGE);
    simulator.happen('spot-interruption');
    simulator.setFaults([]);
    await worker.gets(1);
    await worker.says(OVER);
    await worker.end();
    const { code, log } = await worker.ended;
    assert.equal(code, 0, log);
    assert.equal(log.split(OUTAGE).length, 2, log);
    assert.equal(log.split(OVER).length, 2, log);
  });

  test('a notice that Google shows while its metadata service hangs is told when that answers again', async t => {
    const worker = await startListening(t, { cloud: 'google' });
    const { simulator } = worker;
    await worker.says(' got ');
    await simulator.waitForMetadata(LOOKED_AT.google, 2);
    simulator.happen('metadata hanging');
    await worker.says(OUTAGE);
    simulator.happen('spot-interruption');
    simulator.withdraw('metadata hanging');
    await worker.gets(1);
    await worker.says(OVER);
    await worker.end();
    const { code, log } = await worker.ended;
    assert.equal(code, 0, log);
    assert.deepEqual(worker.told(), [false]);
    assert.equal(log.split(OUTAGE).length, 2, log);
  });
});
