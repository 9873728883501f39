/** Machines whose end is announced before their worker is started, and what Azure is told at the end. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import type {
  RecordedRequest,
  ScenarioFault,
  ScenarioMachine,
  Simulator,
} from '../../src/simulator/index.ts';
import { startOnCloud } from '../support/cloud-machine.ts';
import { LOOKED_AT, moreLooks, startListening } from '../support/listening-worker.ts';
import type { MachineScenario } from '../support/simulator.ts';

type Cloud = ScenarioMachine['cloud'];

const DOOM = { timeline: { 'at 0s': 'spot-interruption' } };
/** Would be waited for where it counted. */
const LATER = { onFailure: { action: 'remove', delay: '10m' } };

function callsOf({ requests }: Simulator): readonly string[] {
  return requests.flatMap(({ call }) => (call === 'metadata' ? [] : [call]));
}

function assertNoWorker(log: string): void {
  const stands = log.split('\n').filter(line => line.includes('the cloud announces: spot-interruption'));
  assert.equal(stands.length, 1, log);
  assert.match(
    log,
    /error: the cloud announces a spot interruption of this machine \([^)]+\): no worker is started\n/,
  );
  assert.doesNotMatch(log, /started the worker|what to do/);
}

function isAcknowledgement({ path, method }: RecordedRequest): boolean {
  return path.includes(LOOKED_AT.azure) && method === 'POST';
}

/** Runs a worker that is told of a reboot, and gives what its log says and how Azure was told that it need not wait. */
async function acknowledges(
  t: Parameters<typeof startListening>[0],
  acknowledge: boolean,
  faults: readonly ScenarioFault[] = [],
) {
  const interruptions = { poll: '100ms', acknowledge };
  const worker = await startListening(t, { cloud: 'azure', interruptions });
  const { simulator } = worker;
  await worker.says(' got ');
  simulator.happen('reboot');
  await worker.gets(1);
  await moreLooks(simulator, 'azure', 3);
  assert.ok(!simulator.requests.some(isAcknowledgement), 'before the worker has ended');
  simulator.setFaults(faults);
  await worker.end();
  const { code, log, removals } = await worker.ended;
  assert.equal(code, 0, log);
  assert.deepEqual(removals, [200]);
  return { log, posts: simulator.requests.filter(isAcknowledgement) };
}

// Most of it is waiting.
void suite('the end of an announced machine', { concurrency: true }, () => {
  test('on AWS and Google a doomed machine never registers, and is disposed of at once', async t => {
    async function ends(cloud: Cloud): Promise<void> {
      const { ended } = await startOnCloud(t, { cloud, scenario: DOOM, lifecycle: LATER });
      const { code, log, simulator, halts } = await ended;
      assert.equal(code, EXIT_CODES.interrupted.code, log);
      assert.deepEqual(callsOf(simulator), []);
      assertNoWorker(log);
      // A metadata service that the environment names proves nothing.
      assert.deepEqual(halts, []);
      assert.match(
        log,
        /warning: this machine would now be halted with `[^\n]*halt-it --now`, but [^\n]*\n$/,
      );
    }
    await Promise.all([ends('aws'), ends('google')]);
  });

  test('a notice that comes while the machine registers keeps the worker from being started, and the machine is removed', async t => {
    async function ends(cloud: Cloud): Promise<void> {
      const scenario: MachineScenario = { faults: [{ call: 'registerWorker', delay: '1s' }] };
      const config = cloud === 'google' ? {} : { interruptions: { poll: '100ms' } };
      const run = await startOnCloud(t, { cloud, scenario, lifecycle: LATER, config: () => config });
      await run.simulator.waitFor('registerWorker');
      run.simulator.happen('spot-interruption');
      const { code, log, removals } = await run.ended;
      assert.equal(code, EXIT_CODES.interrupted.code, log);
      assertNoWorker(log);
      assert.deepEqual(removals, [200]);
    }
    await Promise.all([ends('aws'), ends('google'), ends('azure')]);
  });

  test('a notice ends a boot that waits for Taskcluster', async t => {
    const scenario: MachineScenario = { faults: [{ call: 'registerWorker', status: 503 }] };
    const config = { network: { retryFor: '10m' } };
    const run = await startOnCloud(t, { cloud: 'google', scenario, lifecycle: LATER, config: () => config });
    await run.simulator.waitFor('registerWorker');
    run.simulator.happen('spot-interruption');
    const { code, log, removals } = await run.ended;
    assert.equal(code, EXIT_CODES.interrupted.code, log);
    assertNoWorker(log);
    assert.deepEqual(removals, []);
  });

  test('a boot waits for the first answer about its end one second at most', async t => {
    async function waitMs(cloud: 'aws' | 'google'): Promise<number> {
      const faults: ScenarioFault[] = [{ call: 'metadata', path: LOOKED_AT[cloud], hang: true }];
      const { code, log, simulator } = await (await startOnCloud(t, { cloud, scenario: { faults } })).ended;
      assert.equal(code, 0, log);
      const times = new Map(
        simulator.requests.map(({ call, path, time }) => [`${call} ${path}`, time.getTime()]),
      );
      const last = {
        aws: '/latest/meta-data/public-ipv4',
        google: '/computeMetadata/v1/instance/machine-type',
      };
      const [identifiedMs = 0] = [times.get(`metadata ${last[cloud]}`)];
      const registered = simulator.requests.find(({ call }) => call === 'registerWorker');
      const waitedMs = (registered?.time.getTime() ?? Infinity) - identifiedMs;
      assert.ok(waitedMs > 800 && waitedMs < 20_000, `${waitedMs} ms`);
      return waitedMs;
    }
    /** A busy machine may hold one of them up, but not all. */
    async function boots(cloud: 'aws' | 'google'): Promise<void> {
      const waitsMs = [await waitMs(cloud)];
      while (Math.min(...waitsMs) >= 2500 && waitsMs.length < 4) waitsMs.push(await waitMs(cloud));
      assert.ok(Math.min(...waitsMs) < 2500, `${waitsMs.join(', ')} ms`);
    }
    await Promise.all([boots('aws'), boots('google')]);
  });

  test('Azure is told once, when the worker has ended, that it need not wait: where the user wants that', async t => {
    const [wanted, unwanted] = await Promise.all([acknowledges(t, true), acknowledges(t, false)]);
    assert.equal(wanted.posts.length, 1);
    const { StartRequests } = JSON.parse(wanted.posts[0]?.payload as string) as { StartRequests: object[] };
    assert.deepEqual(
      StartRequests.map(request => Object.keys(request)),
      [['EventId']],
    );
    // The service takes it only for an event that stands.
    assert.equal(wanted.posts[0]?.status, 200);
    assert.match(
      wanted.log,
      /the worker exited with code 0, after notice of reboot\n.*\n.*removeWorker was accepted.*\n.*acknowledged the reboot/,
    );
    assert.deepEqual(unwanted.posts, []);
    assert.doesNotMatch(unwanted.log, /acknowledge/);
  });

  test('an acknowledgement that Azure does not take is one line and holds up the end two seconds at most', async t => {
    const call = { call: 'metadata', path: LOOKED_AT.azure } as const;
    const [refused, silent] = await Promise.all([
      acknowledges(t, true, [{ ...call, status: 400 }]),
      acknowledges(t, true, [{ ...call, hang: true }]),
    ]);
    for (const { log, posts } of [refused, silent]) {
      assert.equal(posts.length, 1);
      assert.equal(log.match(/ warning: the reboot could not be acknowledged: [^\n]+\n/g)?.length, 1, log);
    }
  });
});
