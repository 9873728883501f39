/** How soon a worker is told of the end of its machine, and how soon the run ends then. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { LOOKED_AT, looksSoFar, startListening, type ListeningWorker } from '../support/listening-worker.ts';

/** Shows a notice and gives how many milliseconds later the worker has said that it was told. */
async function delayMs(worker: ListeningWorker, event: string): Promise<number> {
  const count = worker.told().length;
  const shownMs = performance.now();
  worker.simulator.happen(event);
  await worker.gets(count + 1);
  return performance.now() - shownMs;
}

/** A busy machine may hold one notice up, or all of a run, but not all of five runs. */
async function assertSoon(delaysOfARun: () => Promise<readonly number[]>, boundMs: number): Promise<void> {
  const delaysMs: number[] = [];
  for (let run = 0; run < 5; run += 1) {
    delaysMs.push(...(await delaysOfARun()));
    if (Math.min(...delaysMs) <= boundMs) return;
  }
  assert.fail(`${delaysMs.map(Math.round).join(', ')} ms`);
}

/** Just after a look at that value has been answered, so that a whole interval is still to pass. */
async function justAfterALook({ simulator }: ListeningWorker, path: string): Promise<void> {
  const looks = simulator.requests.filter(request => request.path.includes(path)).length;
  await simulator.waitForMetadata(path, looks + 1);
  await new Promise(resolve => setImmediate(resolve));
}

void test('on AWS and Azure a worker is told within one poll interval and 0.2 s', async t => {
  async function delaysOfARun(
    cloud: 'aws' | 'azure',
    events: Readonly<Record<string, string>>,
    optIn: object = {},
  ): Promise<readonly number[]> {
    const worker = await startListening(t, { cloud, interruptions: { poll: '300ms', ...optIn } });
    await worker.says(' got ');
    const delaysMs: number[] = [];
    for (const [event, path] of Object.entries(events)) {
      await justAfterALook(worker, path);
      delaysMs.push(await delayMs(worker, event));
    }
    await worker.end();
    assert.equal((await worker.ended).code, 0);
    return delaysMs;
  }
  const { azure } = LOOKED_AT;
  const onAws = () =>
    delaysOfARun(
      'aws',
      // A look at spot interruptions ends with this value.
      { 'spot-interruption': '/termination-time', rebalance: '/rebalance', maintenance: '/maintenance' },
      { rebalance: true, maintenance: true },
    );
  const onAzure = () =>
    delaysOfARun('azure', { 'spot-interruption': azure, terminate: azure, redeploy: azure, reboot: azure });
  await Promise.all([assertSoon(onAws, 300 + 200), assertSoon(onAzure, 300 + 200)]);
});

void test('on Google a worker is told within 50 ms, and a request that still waits holds up no end', async t => {
  async function delaysOfARun(): Promise<readonly number[]> {
    const worker = await startListening(t, {
      cloud: 'google',
      scenario: { machine: { policy: 'terminate' } },
    });
    const { simulator } = worker;
    // The requests that wait are under way.
    await worker.says(' got ');
    await simulator.waitForMetadata('/instance/preempted', 2);
    await simulator.waitForMetadata('/instance/maintenance-event', 2);
    const delaysMs = [await delayMs(worker, 'maintenance'), await delayMs(worker, 'spot-interruption')];
    const endMs = performance.now();
    await worker.end();
    const { code, log } = await worker.ended;
    assert.equal(code, 0, log);
    // The service would answer after 10 s.
    assert.ok(performance.now() - endMs < 5000, log);
    return delaysMs;
  }
  await assertSoon(delaysOfARun, 50);
});

void test('a run whose scheduled events have not answered yet waits for them neither at its start nor at its end', async t => {
  const worker = await startListening(t, { cloud: 'azure', scenario: { metadata: { firstEvents: '2m' } } });
  await worker.says(' got ');
  await worker.end();
  const { code, log } = await worker.ended;
  assert.equal(code, 0, log);
  assert.equal(looksSoFar(worker.simulator, 'azure'), 1);
  assert.doesNotMatch(log, / (warning|error): /);
});

void test('SIGTERM ends a run well while the metadata service is silent, and after a notice', async t => {
  async function endsBy(
    t: TestContext,
    prepare: (worker: ListeningWorker) => Promise<void>,
  ): Promise<string> {
    const worker = await startListening(t, { cloud: 'aws', interruptions: { poll: '100ms' } });
    await worker.says(' got ');
    await prepare(worker);
    const before = worker.told().length;
    worker.kill('SIGTERM');
    await worker.gets(before + 1);
    assert.equal(worker.told().at(-1), true);
    const endMs = performance.now();
    await worker.end();
    const { code, log, removals } = await worker.ended;
    assert.equal(code, 0, log);
    assert.ok(performance.now() - endMs < 5000, log);
    assert.deepEqual(removals, [], 'the machine is kept');
    return log;
  }
  await Promise.all([
    endsBy(t, async ({ simulator }) => {
      simulator.happen('metadata hanging');
      await simulator.waitForMetadata(LOOKED_AT.aws, looksSoFar(simulator, 'aws') + 1);
    }),
    endsBy(t, async worker => {
      worker.simulator.happen('spot-interruption');
      await worker.gets(1);
    }),
  ]);
});

void test('SIGTERM ends a boot that waits for the first answer about its end', async t => {
  const worker = await startListening(t, {
    cloud: 'aws',
    scenario: { faults: [{ call: 'metadata', path: LOOKED_AT.aws, hang: true }] },
  });
  await worker.simulator.waitForMetadata('/public-ipv4');
  worker.kill('SIGTERM');
  const { code, log } = await worker.ended;
  assert.equal(code, 143, log);
  assert.doesNotMatch(log, /started the worker/);
});
