/** What a worker is told when the cloud announces the end of its machine. */
import assert from 'node:assert/strict';
import { suite, test, type TestContext } from 'node:test';
import type { ScenarioMachine } from '../../src/simulator/index.ts';
import {
  moreLooks,
  startListening,
  type Listening,
  type ListeningWorker,
} from '../support/listening-worker.ts';
import { makeGate } from '../support/worker-run.ts';

type Cloud = ScenarioMachine['cloud'];

/** Everything that a cloud may announce, and whether the worker may finish its tasks. */
const NOTICES: Readonly<Record<Cloud, readonly Announced[]>> = {
  aws: [
    { event: 'rebalance', finishTasks: true, reason: 'rebalance recommendation' },
    {
      event: 'maintenance',
      finishTasks: true,
      inMs: 24 * 3_600_000,
      reason: 'system-reboot: scheduled reboot',
    },
    {
      event: 'spot-interruption',
      finishTasks: false,
      inMs: 120_000,
      reason: 'spot instance-action terminate',
    },
  ],
  google: [
    { event: 'maintenance', finishTasks: false, reason: 'instance/maintenance-event is TERMINATE_.+' },
    { event: 'spot-interruption', finishTasks: false, reason: 'instance/preempted is TRUE: .+' },
  ],
  azure: [
    { event: 'reboot', finishTasks: false, inMs: 15 * 60_000, reason: "Azure's event Reboot is Scheduled.+" },
    {
      event: 'redeploy',
      finishTasks: false,
      inMs: 10 * 60_000,
      reason: "Azure's event Redeploy is Scheduled.+",
    },
    {
      event: 'terminate',
      finishTasks: false,
      inMs: 5 * 60_000,
      reason: "Azure's event Terminate is Scheduled.+",
    },
    {
      event: 'spot-interruption',
      finishTasks: false,
      inMs: 30_000,
      reason: "Azure's event Preempt is Scheduled.+",
    },
  ],
};

interface Announced {
  readonly event: string;
  readonly finishTasks: boolean;
  /** When the machine ends, where the cloud says so. */
  readonly inMs?: number;
  readonly reason: string;
}

const OFTEN: Readonly<Record<Cloud, object>> = {
  aws: { poll: '100ms', rebalance: true, maintenance: true },
  google: {},
  azure: { poll: '100ms' },
};

function listen(t: TestContext, cloud: Cloud, more: Partial<Listening> = {}): Promise<ListeningWorker> {
  return startListening(t, { cloud, interruptions: OFTEN[cloud], ...more });
}

function announcements(log: string): readonly string[] {
  return log.split('\n').filter(line => line.includes('the cloud announces'));
}

/** The line says what, when and why. */
function assertLine(line: string, { event, inMs, reason }: Announced, shownMs: number): void {
  assert.match(
    line,
    new RegExp(
      `: warning: the cloud announces: ${event}(, in [^;]+; deadline: [^;]+|, no deadline); kind: ${event}; reason: ${reason}$`,
    ),
  );
  const deadline = /; deadline: ([^;]+);/.exec(line)?.[1];
  if (inMs === undefined) {
    assert.equal(deadline, undefined);
    return;
  }
  const leftMs = Date.parse(deadline ?? '') - shownMs;
  assert.ok(leftMs > inMs - 20_000 && leftMs <= inMs, line);
}

// Most of it is waiting.
void suite('what the cloud announces', { concurrency: true }, () => {
  test('each notice of each cloud is told to the worker once and logged once, with kind, deadline and reason', async t => {
    async function hears(cloud: Cloud): Promise<void> {
      const notices = NOTICES[cloud];
      const worker = await listen(
        t,
        cloud,
        cloud === 'google' ? { scenario: { machine: { policy: 'terminate' } } } : {},
      );
      const { simulator } = worker;
      await worker.says('said hello');
      const shownMs: number[] = [];
      for (const [index, { event }] of notices.entries()) {
        simulator.happen(event);
        shownMs.push(Date.now());
        await worker.gets(index + 1);
      }
      // One that goes and comes again is no news either.
      if (cloud === 'google') simulator.withdraw('spot-interruption');
      await moreLooks(simulator, cloud, cloud === 'google' ? 1 : 10);
      if (cloud === 'google') simulator.happen('spot-interruption');
      await moreLooks(simulator, cloud, cloud === 'google' ? 1 : 10);
      await worker.end();
      const { code, log } = await worker.ended;

      assert.equal(code, 0, log);
      assert.deepEqual(
        worker.told(),
        notices.map(({ finishTasks }) => finishTasks),
      );
      const lines = announcements(log);
      assert.equal(lines.length, notices.length, log);
      for (const [index, notice] of notices.entries()) {
        assertLine(lines[index] ?? '', notice, shownMs[index] ?? NaN);
      }
      const events = notices.map(({ event }) => event).join(', ');
      assert.ok(log.includes(`the worker exited with code 0, after notice of ${events}\n`), log);
    }
    await Promise.all([hears('aws'), hears('google'), hears('azure')]);
  });

  test('what is no end of this machine is neither told nor logged', async t => {
    async function hearsNothing(cloud: Cloud, events: readonly string[], settings?: object): Promise<void> {
      const worker = await listen(t, cloud, settings === undefined ? {} : { interruptions: settings });
      const { simulator } = worker;
      await worker.says(' got ');
      const before = worker.lines();
      for (const event of events) simulator.happen(event);
      // Google answers a request that waits, and is asked again.
      await moreLooks(simulator, cloud, cloud === 'google' ? 0 : 10);
      if (cloud === 'google') await simulator.waitForMetadata('/maintenance-event', 3);
      assert.deepEqual(worker.lines(), before);
      await worker.end();
      const { code, log } = await worker.ended;
      assert.equal(code, 0, log);
      assert.deepEqual(worker.told(), []);
      assert.doesNotMatch(log, /announce|notice/);
    }
    await Promise.all([
      // Those that are to be opted in.
      hearsNothing('aws', ['rebalance', 'maintenance'], { poll: '100ms' }),
      // A VM that moves to another host while it runs.
      hearsNothing('google', ['maintenance']),
      hearsNothing('azure', ['freeze', 'spot-interruption of other-vm', 'reboot of other-vm']),
    ]);
  });

  test('a notice that comes before the worker’s hello waits for it; one that was withdrawn by then is not told', async t => {
    async function greetsLate(cloud: Cloud, withdrawn: boolean): Promise<void> {
      const hello = await makeGate(t);
      const worker = await listen(t, cloud, { beforeHello: hello.wait });
      const { simulator } = worker;
      await worker.says('started the worker');
      simulator.happen('spot-interruption');
      await worker.says('the cloud announces: spot-interruption');
      if (withdrawn) {
        simulator.withdraw('spot-interruption');
        await worker.says('the cloud has withdrawn its announcement: spot-interruption');
      }
      assert.deepEqual(worker.told(), []);
      await hello.open();
      await (withdrawn ? worker.says(' got ') : worker.gets(1));
      if (cloud !== 'google') await moreLooks(simulator, cloud, 5);
      await worker.end();
      const { code, log } = await worker.ended;
      assert.equal(code, 0, log);
      assert.deepEqual(worker.told(), withdrawn ? [] : [false]);
      assert.equal(announcements(log).length, 1, log);
    }
    await Promise.all([
      greetsLate('aws', false),
      greetsLate('google', false),
      greetsLate('google', true),
      greetsLate('azure', true),
    ]);
  });

  test('a notice that is withdrawn when the worker has been told is forgotten, with one line', async t => {
    const worker = await listen(t, 'azure', { interruptions: { poll: '100ms', acknowledge: true } });
    const { simulator } = worker;
    await worker.says('said hello');
    simulator.happen('redeploy');
    await worker.gets(1);
    simulator.withdraw('redeploy');
    await worker.says('withdrawn');
    await moreLooks(simulator, 'azure', 5);
    await worker.end();
    const { code, log } = await worker.ended;
    assert.equal(code, 0, log);
    assert.equal(
      log.match(/ start-worker: the cloud has withdrawn its announcement: redeploy\n/g)?.length,
      1,
    );
    assert.deepEqual(worker.told(), [false]);
    assert.match(log, /the worker exited with code 0, after notice of redeploy \(withdrawn\)\n/);
    // Of what is forgotten the cloud is told nothing.
    assert.ok(
      !simulator.requests.some(({ path, method }) => path.includes('scheduledevents') && method === 'POST'),
    );
  });

  test('a worker that cannot be told is left alone, with one line for all notices', async t => {
    async function isLeftAlone(more: Partial<Listening>): Promise<void> {
      const worker = await listen(t, 'aws', more);
      const { simulator } = worker;
      await worker.says(/said hello|said no hello/);
      simulator.happen('rebalance');
      await worker.says('the worker cannot be told');
      simulator.happen('spot-interruption');
      await worker.says('the cloud announces: spot-interruption');
      await moreLooks(simulator, 'aws', 5);
      await worker.end();
      const { code, log } = await worker.ended;
      assert.equal(code, 0, log);
      assert.deepEqual(worker.told(), []);
      assert.equal(announcements(log).length, 2);
      assert.equal(
        log.match(/the worker cannot be told of the rebalance, [^\n]*: it is left alone\n/g)?.length,
        1,
        log,
      );
      assert.equal(log.match(/cannot be told/g)?.length, 1, log);
    }
    await Promise.all([
      isLeftAlone({ capabilities: ['log'] }),
      isLeftAlone({ beforeHello: 'never', lifecycle: { helloTimeout: '200ms' } }),
    ]);
  });
});
