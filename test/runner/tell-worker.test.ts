import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import type { Notice } from '../../src/model.ts';
import { acknowledgeNotices } from '../../src/runner/acknowledge.ts';
import { type Interruptions, watchInterruptions } from '../../src/runner/interruptions.ts';
import { tellWorkerOfInterruptions } from '../../src/runner/tell-worker.ts';
import { converse, HELLO, type Conversation } from '../support/conversation.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';
import { createMemoryLog, type MemoryLog } from '../support/memory-log.ts';

const SPOT: Notice = { id: 'spot-1', kind: 'spot-interruption', reason: 'terminate', finishTasks: false };
const REBALANCE: Notice = { id: 'rebalance-1', kind: 'rebalance', reason: 'a risk', finishTasks: true };
const STOP_NOW = '~{"type":"graceful-termination","finish-tasks":false}';
const FINISH_TASKS = '~{"type":"graceful-termination","finish-tasks":true}';
const HELLO_WITHOUT = '~{"type":"hello","capabilities":["log"]}\n';

interface Cloud {
  readonly interruptions: Interruptions;
  readonly clock: ManualClock;
  readonly log: MemoryLog;
  /** Shows these notices from now on, until the watch has seen them. */
  show(...notices: readonly Notice[]): Promise<void>;
}

function cloudOf(t: TestContext): Cloud {
  const clock = createManualClock();
  const log = createMemoryLog();
  let standing: readonly Notice[] = [];
  const source = {
    name: 'notices',
    everyMs: 1000,
    prompt: true,
    look: () => Promise.resolve(standing),
  };
  const interruptions = watchInterruptions([source], { clock, log, tell: () => undefined });
  t.after(() => interruptions.close());
  return {
    interruptions,
    clock,
    log,
    async show(...notices) {
      standing = notices;
      await clock.pass(1000);
      await setImmediate();
    },
  };
}

/** What the worker was told: without the welcome. */
function heard({ stdin }: Conversation): readonly string[] {
  let text = '';
  for (let chunk = stdin.read() as Buffer | null; chunk !== null; chunk = stdin.read() as Buffer | null)
    text += chunk.toString();
  return text.split('\n').filter(line => line !== '' && !line.includes('"welcome"'));
}

const NEVER = new AbortController().signal;

test('a worker is told of each notice by one graceful-termination', async t => {
  const cloud = cloudOf(t);
  const talk = converse(t);
  tellWorkerOfInterruptions(cloud.interruptions, talk.connection, talk.log);
  talk.stdout.write(HELLO);
  await talk.log.says('the worker said hello');
  await cloud.show(REBALANCE);
  await cloud.show(REBALANCE);
  await cloud.show(REBALANCE, SPOT);
  await cloud.show();
  await cloud.show(SPOT);
  assert.deepEqual(heard(talk), [FINISH_TASKS, STOP_NOW]);
});

test('a notice that comes before hello waits for it', async t => {
  const cloud = cloudOf(t);
  const talk = converse(t);
  tellWorkerOfInterruptions(cloud.interruptions, talk.connection, talk.log);
  await cloud.show(SPOT);
  assert.deepEqual(heard(talk), []);
  talk.stdout.write(HELLO);
  await talk.log.says('told the worker of the spot-interruption');
  assert.deepEqual(heard(talk), [STOP_NOW]);
});

test('a notice that is withdrawn before hello is not told', async t => {
  const cloud = cloudOf(t);
  const talk = converse(t);
  tellWorkerOfInterruptions(cloud.interruptions, talk.connection, talk.log);
  await cloud.show(SPOT, REBALANCE);
  await cloud.show(REBALANCE);
  talk.stdout.write(HELLO);
  await talk.log.says('told the worker of the rebalance');
  assert.deepEqual(heard(talk), [FINISH_TASKS]);
});

test('a worker that knows no graceful-termination is left alone, with one line for the whole run', async t => {
  const cloud = cloudOf(t);
  const talk = converse(t);
  tellWorkerOfInterruptions(cloud.interruptions, talk.connection, talk.log);
  talk.stdout.write(HELLO_WITHOUT);
  await talk.log.says('the worker said hello');
  assert.equal(warningsOf(talk.log).length, 0);
  await cloud.show(REBALANCE);
  await cloud.show(REBALANCE, SPOT);
  assert.deepEqual(heard(talk), []);
  assert.deepEqual(warningsOf(talk.log), [
    'the worker cannot be told of the rebalance, as it has named no graceful-termination in a hello: it is left alone',
  ]);
});

test('a worker whose hello is late is told of what stands then', async t => {
  const cloud = cloudOf(t);
  const talk = converse(t, { helloTimeoutMs: 1 });
  tellWorkerOfInterruptions(cloud.interruptions, talk.connection, talk.log);
  await cloud.show(SPOT);
  await talk.log.says('the worker cannot be told of the spot-interruption');
  talk.stdout.write(HELLO);
  await talk.log.says('told the worker of the spot-interruption');
  await cloud.show(SPOT, REBALANCE);
  assert.deepEqual(heard(talk), [STOP_NOW, FINISH_TASKS]);
});

test('a worker that closed its stdin is left alone, with one line for the whole run', async t => {
  const cloud = cloudOf(t);
  const talk = converse(t);
  tellWorkerOfInterruptions(cloud.interruptions, talk.connection, talk.log);
  talk.stdout.write(HELLO);
  await talk.log.says('the worker said hello');
  talk.stdin.destroy();
  await cloud.show(REBALANCE);
  await cloud.show(REBALANCE, SPOT);
  assert.equal(warningsOf(talk.log).length, 1);
  assert.match(warningsOf(talk.log)[0] ?? '', /did not reach the worker/);
});

test('after the end of the worker nothing is sent and nothing said', async t => {
  const cloud = cloudOf(t);
  const talk = converse(t);
  const stop = tellWorkerOfInterruptions(cloud.interruptions, talk.connection, talk.log);
  talk.stdout.write(HELLO);
  await talk.log.says('the worker said hello');
  stop();
  await cloud.show(SPOT);
  assert.deepEqual(heard(talk), []);
  assert.deepEqual(warningsOf(talk.log), []);
});

test('a worker that ends without a hello is not told, and nothing is said of it', async t => {
  const cloud = cloudOf(t);
  const talk = converse(t);
  const stop = tellWorkerOfInterruptions(cloud.interruptions, talk.connection, talk.log);
  await cloud.show(SPOT);
  stop();
  await talk.finish();
  await setImmediate();
  assert.deepEqual(warningsOf(talk.log), []);
});

test('notices that stand are acknowledged where the cloud takes that; withdrawn ones are not', async t => {
  const cloud = cloudOf(t);
  const acknowledged: string[] = [];
  const take = (notice: Notice): Notice => ({
    ...notice,
    acknowledge: () => Promise.resolve(void acknowledged.push(notice.id)),
  });
  await cloud.show(take({ ...SPOT, id: 'gone' }));
  await cloud.show(take(SPOT), REBALANCE);
  const log = createMemoryLog();
  await acknowledgeNotices(cloud.interruptions, { clock: cloud.clock, log }, NEVER);
  assert.deepEqual(acknowledged, ['spot-1']);
  assert.deepEqual(
    log.entries.map(({ message }) => message),
    ['acknowledged the spot-interruption: the cloud need wait no longer'],
  );
});

test('an acknowledgement that fails, or is not answered, costs two seconds and one line', async t => {
  const cloud = cloudOf(t);
  let given: AbortSignal | undefined;
  await cloud.show(
    { ...SPOT, acknowledge: () => Promise.reject(new Error('it is down')) },
    {
      ...REBALANCE,
      acknowledge: signal => {
        given = signal;
        return new Promise<never>(() => undefined);
      },
    },
  );
  const log = createMemoryLog();
  const startMs = cloud.clock.elapsed();
  let tookMs = Number.NaN;
  const end = acknowledgeNotices(cloud.interruptions, { clock: cloud.clock, log }, NEVER).then(
    () => (tookMs = cloud.clock.elapsed() - startMs),
  );
  await cloud.clock.pass(10_000);
  await end;
  assert.equal(tookMs, 2000);
  assert.equal(given?.aborted, true);
  assert.deepEqual(warningsOf(log), [
    'the spot-interruption could not be acknowledged: it is down',
    'the rebalance could not be acknowledged: no answer in 2 s',
  ]);
});

function warningsOf(log: MemoryLog): readonly string[] {
  return log.entries.filter(({ severity }) => severity === 'warning').map(({ message }) => message);
}

test('a run whose time is over waits for no acknowledgement', async t => {
  const cloud = cloudOf(t);
  await cloud.show({ ...SPOT, acknowledge: () => new Promise<never>(() => undefined) });
  const log = createMemoryLog();
  const over = new AbortController();
  const end = acknowledgeNotices(cloud.interruptions, { clock: cloud.clock, log }, over.signal);
  over.abort(new Error('the time is over'));
  await end;
  assert.deepEqual(warningsOf(log), ['the spot-interruption could not be acknowledged: the time is over']);
});
