/** A metadata service that fails while the worker runs, and one that has nothing to say. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ScenarioMachine, Simulator } from '../../src/simulator/index.ts';
import { LOOKED_AT, looksSoFar, moreLooks, startListening } from '../support/listening-worker.ts';

type Cloud = ScenarioMachine['cloud'];

const OFTEN = { poll: '100ms' };
const OUTAGE =
  /warning: for .* the cloud has not said whether it takes this machine away: .*; it is asked on/;
const OVER = /the cloud says again whether it takes this machine away, after /;

function settingsOf(cloud: Cloud): object {
  return cloud === 'google' ? {} : OFTEN;
}

function linesLike(lines: readonly string[], pattern: RegExp): readonly string[] {
  return lines.filter(line => pattern.test(line));
}

/** Milliseconds between the requests for a cloud's spot interruptions, from the one of a number (0: the first). */
function gapsMs({ requests }: Simulator, cloud: Cloud, from: number): readonly number[] {
  const times = requests.flatMap(({ path, time }) =>
    path.includes(LOOKED_AT[cloud]) ? [time.getTime()] : [],
  );
  return times.slice(from + 1).map((time, index) => time - (times[from + index] ?? 0));
}

/** Each wait is twice the one before, as Node's timers are: never early by more than their rounding. */
function assertSlower(gaps: readonly number[], cloud: Cloud): void {
  const firstMs = cloud === 'google' ? 1000 : 100;
  for (const [index, gap] of gaps.entries()) {
    assert.ok(gap >= firstMs * 2 ** index - 10, `${cloud}: ${gaps.join(', ')} ms`);
  }
}

// Most of it is waiting.
void suite('a metadata service while the worker runs', { concurrency: true }, () => {
  test('while nothing stands against the machine the log says nothing, however often it is asked', async t => {
    async function isQuiet(cloud: Cloud, interruptions: object): Promise<void> {
      const worker = await startListening(t, { cloud, interruptions });
      await worker.says(' got ');
      const before = worker.lines();
      await moreLooks(worker.simulator, cloud, 25);
      assert.deepEqual(worker.lines(), before);
      await worker.end();
      const { code, log } = await worker.ended;
      assert.equal(code, 0, log);
      assert.doesNotMatch(log, / (warning|error): /);
    }
    await Promise.all([
      isQuiet('aws', { ...OFTEN, rebalance: true, maintenance: true }),
      isQuiet('azure', OFTEN),
    ]);
  });

  test('an outage is one warning and one line when it is over, without a storm, and what came meanwhile is told', async t => {
    async function survives(cloud: Cloud, outage: string, failingLooks: number): Promise<void> {
      const worker = await startListening(t, { cloud, interruptions: settingsOf(cloud) });
      const { simulator } = worker;
      await worker.says(' got ');
      if (cloud === 'google') await simulator.waitForMetadata(LOOKED_AT.google, 2);
      const before = looksSoFar(simulator, cloud);
      simulator.happen(outage);
      if (outage === 'metadata down') await worker.says(OUTAGE);
      else await moreLooks(simulator, cloud, failingLooks);
      simulator.happen('spot-interruption');
      assert.deepEqual(worker.told(), []);
      simulator.withdraw(outage);
      await worker.gets(1);
      await worker.says(OVER);
      await worker.end();
      const { code, log } = await worker.ended;
      assert.equal(code, 0, log);
      assert.deepEqual(worker.told(), [false]);
      assert.equal(linesLike(log.split('\n'), OUTAGE).length, 1, log);
      assert.equal(linesLike(log.split('\n'), OVER).length, 1, log);
      assert.equal(log.match(/ (warning|error): /g)?.length, 2, 'the outage and the notice');
      assertSlower(gapsMs(simulator, cloud, before).slice(0, Math.max(0, failingLooks - 1)), cloud);
    }
    await Promise.all([
      survives('aws', 'metadata failing', 5),
      survives('aws', 'metadata down', 0),
      survives('azure', 'metadata lying', 5),
      survives('azure', 'metadata failing', 5),
      survives('azure', 'metadata hanging', 3),
      survives('google', 'metadata failing', 2),
      survives('google', 'metadata down', 0),
    ]);
  });

  test('session tokens that AWS has lost are replaced at once, without a word, and no notice is missed', async t => {
    const worker = await startListening(t, { cloud: 'aws', interruptions: OFTEN });
    const { simulator } = worker;
    const tokens = () => simulator.requests.filter(({ method }) => method === 'PUT').length;
    await worker.says(' got ');
    assert.equal(tokens(), 1);
    const before = worker.lines();
    for (const count of [2, 3]) {
      simulator.happen('tokens lost');
      await simulator.waitForMetadata('/latest/api/token', count);
      await moreLooks(simulator, 'aws', 3);
    }
    assert.deepEqual(worker.lines(), before);
    simulator.happen('tokens lost');
    simulator.happen('spot-interruption');
    await worker.gets(1);
    assert.equal(tokens(), 4);
    await worker.end();
    const { code, log } = await worker.ended;
    assert.equal(code, 0, log);
    assert.deepEqual(worker.told(), [false]);
    assert.doesNotMatch(log, /has not said/);
  });
});
