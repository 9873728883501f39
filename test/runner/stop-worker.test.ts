/** How signals and time end a worker, told with a clock of the test. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Delivery } from '../../src/protocol/connection.ts';
import type { EndSignal, Signals } from '../../src/runner/signals.ts';
import { endWorkerOnSignal } from '../../src/runner/stop-worker.ts';
import type { World } from '../../src/runner/world.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { createMemoryLog } from '../support/memory-log.ts';

const GRACE_MS = 300_000;
const KILL_MS = 10_000;
const HELLO_MS = 30_000;

interface Asked {
  readonly delivery?: Promise<Delivery>;
  readonly finishTasks?: boolean;
  /** Default: it is. */
  readonly killable?: boolean;
}

function started({ delivery = Promise.resolve('sent'), finishTasks = true, killable = true }: Asked = {}) {
  const clock = createManualClock();
  const log = createMemoryLog();
  const ended = new AbortController();
  const done: string[] = [];
  const startMs = clock.elapsed();
  let signals = 0;
  let handler: ((signal: EndSignal, count: number) => void) | undefined;
  function note(what: string): true {
    done.push(`${(clock.elapsed() - startMs) / 1000} s: ${what}`);
    return true;
  }
  const world = {
    clock,
    log,
    signals: { onSignal: (newHandler: Parameters<Signals['onSignal']>[0]) => void (handler = newHandler) },
  } as unknown as World;
  const child = {
    kill: (signal: NodeJS.Signals) => note(signal),
    killGroup(signal: NodeJS.Signals) {
      note(`${signal} to the group`);
      return killable;
    },
  };
  endWorkerOnSignal(
    {
      child,
      ended: ended.signal,
      connection: {
        agreed: async () => (await delivery) === 'sent',
        async send(message) {
          const delivered = await delivery;
          if (delivered === 'sent') note(JSON.stringify(message));
          return delivered;
        },
      },
      lifecycle: { helloTimeoutMs: HELLO_MS, finishTasks, gracePeriodMs: GRACE_MS, killAfterMs: KILL_MS },
    },
    world,
  );
  return {
    clock,
    log,
    done,
    signal: () => handler?.('SIGTERM', (signals += 1)),
    exit: () => ended.abort(new Error('it has ended')),
  };
}

function asks(finishTasks: boolean): string {
  return `0 s: {"type":"graceful-termination","finish-tasks":${finishTasks}}`;
}

void test('a worker that does not end is asked, then sent SIGTERM, then killed with its group', async () => {
  const { signal, clock, done } = started();
  signal();
  await clock.pass(3_600_000);
  assert.deepEqual(done, [asks(true), '300 s: SIGTERM', '310 s: SIGKILL to the group']);
});

void test('with finishTasks: false it is asked not to finish them', async () => {
  const { signal, clock, done } = started({ finishTasks: false });
  signal();
  await clock.pass(1000);
  assert.deepEqual(done, [asks(false)]);
});

void test('a worker that cannot be asked gets SIGTERM first, and the time to finish all the same', async () => {
  const { signal, clock, done } = started({ delivery: Promise.resolve('not-capable') });
  signal();
  await clock.pass(3_600_000);
  assert.deepEqual(done, ['0 s: SIGTERM', '300 s: SIGTERM', '310 s: SIGKILL to the group']);
});

void test('hello is waited for until its timeout, and then SIGTERM is sent', async () => {
  const delivery = Promise.withResolvers<Delivery>();
  const { signal, clock, done, log } = started({ delivery: delivery.promise });
  signal();
  await clock.pass(HELLO_MS);
  assert.deepEqual(done, []);
  assert.match(log.inOrder.join('\n'), /has not said hello yet/);
  delivery.resolve('not-capable');
  await clock.pass(1);
  assert.deepEqual(done, ['30 s: SIGTERM']);
});

void test('where the hello timeout is longer than the grace period, the grace period counts', async () => {
  const { signal, clock, done } = started({ delivery: new Promise(() => undefined) });
  signal();
  await clock.pass(3_600_000);
  assert.deepEqual(done, ['300 s: SIGTERM', '310 s: SIGKILL to the group']);
});

void test('a second signal sends SIGTERM at once, and killAfter counts from there', async () => {
  const { signal, clock, done } = started();
  signal();
  await clock.pass(5_000);
  signal();
  await clock.pass(3_600_000);
  assert.deepEqual(done, [asks(true), '5 s: SIGTERM', '15 s: SIGKILL to the group']);
});

void test('a late second signal puts off no kill', async () => {
  const { signal, clock, done } = started();
  signal();
  await clock.pass(304_000);
  signal();
  await clock.pass(3_600_000);
  assert.deepEqual(done, [asks(true), '300 s: SIGTERM', '304 s: SIGTERM', '310 s: SIGKILL to the group']);
});

void test('a worker that may not be killed is said to live', () => {
  const { signal, log } = started({ killable: false });
  signal();
  signal();
  signal();
  assert.match(log.inOrder.join('\n'), /the worker was not killed/);
});

void test('a third signal kills at once', async () => {
  const { signal, clock, done } = started();
  signal();
  await clock.pass(5_000);
  signal();
  signal();
  assert.deepEqual(done, [asks(true), '5 s: SIGTERM', '5 s: SIGKILL to the group']);
});

void test('once the worker has ended nothing more is done, and nothing waits', async () => {
  const { signal, clock, done, exit } = started();
  signal();
  await clock.pass(5_000);
  exit();
  await clock.pass(3_600_000);
  assert.deepEqual(done, [asks(true)]);
  assert.equal(clock.sleeping, 0);
});
