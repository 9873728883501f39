/** When the watchdog is fed, in a time that the test moves. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { RunEvent } from '../../src/run-event.ts';
import { createProgress } from '../../src/service-manager/progress.ts';
import { createNotifications } from '../../src/service-manager/notifications.ts';
import { createServiceManager } from '../../src/service-manager/service-manager.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { createMemoryLog } from '../support/memory-log.ts';
import { writeScript } from '../support/runner-config.ts';
import { temporaryFolder } from '../support/temp.ts';

const MIN = 60_000;
const LOOKED: RunEvent = { kind: 'looked', source: 'spot interruptions', answered: false };

async function watched(t: TestContext, script = 'echo "$@" >>"${0%/*}/said"') {
  // close() waits for the script as long as that takes.
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const folder = await temporaryFolder(t);
  await writeScript(folder, 'systemd-notify', script);
  const clock = createManualClock();
  const log = createMemoryLog();
  const hanging: string[] = [];
  const manager = createServiceManager({
    env: {
      PATH: `${folder}:${process.env.PATH ?? ''}`,
      NOTIFY_SOCKET: '/nowhere',
      WATCHDOG_USEC: '60000000',
    },
    clock,
    log,
    asked: new AbortController().signal,
    lifecycle: { gracePeriodMs: 1000, killAfterMs: 1000 },
    hanging: () => hanging,
  });
  async function said(): Promise<string> {
    await manager.close();
    return readFile(join(folder, 'said'), 'utf8');
  }
  return { clock, log, hanging, manager, said };
}

void test('the watchdog is not fed while the run hangs, and the log says why, once', async t => {
  const { clock, log, hanging, manager, said } = await watched(t);
  hanging.push('"registering" has lasted 20 min');
  await clock.pass(30_000);
  await clock.pass(30_000);
  assert.deepEqual(log.inOrder, [
    'the watchdog of the service manager is not fed while this lasts: "registering" has lasted 20 min',
  ]);
  hanging.length = 0;
  await clock.pass(30_000);
  assert.equal(log.inOrder.at(-1), 'the watchdog is fed again');
  manager.tell({ kind: 'ended', exitCode: 0, because: 'of a test' });
  assert.match(await said(), /STATUS=ended with exit code 0: of a test STOPPING=1/);
  assert.equal(clock.sleeping, 0);
});

void test('notifications come one after another, and of what waits the newest counts', async t => {
  const { manager, said } = await watched(t);
  for (const phase of ['identifying', 'registering', 'running'] as const)
    manager.tell({ kind: 'phase', phase });
  assert.equal(await said(), 'READY=1\nWATCHDOG=1 STATUS=running\n');
});

void test('a process that cannot even be made costs a warning, and no run', async () => {
  const failures: string[] = [];
  const notifications = createNotifications(process.env, reason => failures.push(reason));
  // No argument can hold it: that is thrown at once, as is what the system says when it is out of memory.
  notifications.send({ STATUS: 'a\0b' });
  await notifications.close();
  assert.deepEqual(failures.length, 1);
  assert.match(failures[0] ?? '', /^systemd-notify could not be started: /);
});

void test('a service manager that knows no barriers is not waited for again, and nobody complains', async t => {
  const { log, manager, said } = await watched(
    t,
    'echo "$@" >>"${0%/*}/said"; [ "$1" = --no-block ] && exit; echo "Failed to invoke barrier: x" >&2; exit 1',
  );
  manager.tell({ kind: 'phase', phase: 'running' });
  assert.equal(await said(), 'READY=1\n--no-block WATCHDOG=1 STATUS=running\n');
  assert.deepEqual(log.entries, []);
});

void test('looks that fail are progress; looks that come no more are none', () => {
  const clock = { ...createManualClock(), elapsed: () => elapsedMs };
  let elapsedMs = 0;
  const progress = createProgress(clock);
  progress.tell(LOOKED);
  elapsedMs = 9 * MIN;
  progress.tell(LOOKED);
  elapsedMs = 19 * MIN;
  assert.deepEqual(progress.standstills(), []);
  elapsedMs = 20 * MIN;
  assert.deepEqual(progress.standstills(), ['spot interruptions were looked for 11 min ago']);
  progress.tell(LOOKED);
  assert.deepEqual(progress.standstills(), []);
});

void test('a renewal may take as long as it is tried, and little longer', async () => {
  const clock = createManualClock();
  const progress = createProgress(clock);
  const over: readonly RunEvent[] = [
    { kind: 'renewal-due', at: undefined },
    { kind: 'renewal-due', at: new Date(clock.now() + 96 * 60 * MIN) },
    { kind: 'phase', phase: 'ending' },
  ];
  for (const event of over) {
    progress.tell({ kind: 'renewal-begun', forMs: 25 * MIN });
    await clock.pass(30 * MIN);
    assert.deepEqual(progress.standstills(), []);
    await clock.pass(1);
    assert.deepEqual(progress.standstills(), [
      'a renewal of the credentials was to be tried for 25 min, and is under way since 30 min',
    ]);
    progress.tell(event);
    assert.deepEqual(progress.standstills(), []);
  }
});

void test('credentials that have ended by a clock that is ahead, or after a long suspend, are no standstill', async () => {
  const clock = createManualClock();
  const progress = createProgress(clock);
  progress.tell({ kind: 'credentials', expireAt: new Date(clock.now() - 24 * 60 * MIN), renewed: false });
  progress.tell({ kind: 'renewal-due', at: new Date(clock.now() - 25 * 60 * MIN) });
  await clock.pass(60 * MIN);
  assert.deepEqual(progress.standstills(), []);
});
