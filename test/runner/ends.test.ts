import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunnerError } from '../../src/errors.ts';
import type { ExitCodeName } from '../../src/exit-codes.ts';
import type { Notice } from '../../src/model.ts';
import type { Host } from '../../src/providers/provider.ts';
import {
  planOf,
  planOfShutdown,
  type Circumstances,
  type EndPlan,
  type RunEnd,
} from '../../src/runner/ends.ts';
import { SignalledError } from '../../src/runner/signals.ts';

const OWNED: Host = { kind: 'owned' };
const CLOUD: Host = { kind: 'provisioned', mayHalt: true };
const NO_HALT: Host = { kind: 'provisioned', mayHalt: false, because: 'its metadata comes from a test' };

const LIFECYCLE: Circumstances['lifecycle'] = {
  helloTimeoutMs: 30_000,
  drainTimeoutMs: 5_000,
  onExit: {
    codes: new Map([
      [0, 'remove'],
      [67, 'keep'],
    ]),
    other: 'remove',
  },
  onFailure: { action: 'remove', delayMs: undefined },
  shutdownHost: false,
  shutdownCommand: ['shutdown', '-h', 'now'],
  onSignal: 'keep',
  finishTasks: true,
  gracePeriodMs: 300_000,
  killAfterMs: 10_000,
};

const NOW_MS = Date.parse('2026-11-21T08:00:00Z');
const SPOT: Notice = { id: '1', kind: 'spot-interruption', reason: 'test', finishTasks: false };

function maintenance(deadline: string): Notice {
  return { ...SPOT, kind: 'maintenance', finishTasks: true, deadline: new Date(deadline) };
}

const REGISTERED: Circumstances = {
  host: CLOUD,
  dummy: false,
  registered: true,
  signalled: false,
  notices: [],
  nowMs: NOW_MS,
  shutdownAsked: false,
  lifecycle: LIFECYCLE,
};
const NEW: Circumstances = { ...REGISTERED, registered: false };

function lifecycle(more: Partial<Circumstances['lifecycle']>): Pick<Circumstances, 'lifecycle'> {
  return { lifecycle: { ...LIFECYCLE, ...more } };
}

function exited(code: number): RunEnd {
  return { kind: 'worker', exit: { code, signal: undefined }, reported: false };
}

function failed(exit: ExitCodeName): RunEnd {
  return { kind: 'failure', error: new RunnerError('test.failed', 'it failed', { exit }) };
}

const KILLED: RunEnd = { kind: 'worker', exit: { code: undefined, signal: 'SIGKILL' }, reported: false };
const SHOWN: RunEnd = { kind: 'shown' };
const FAULT: RunEnd = { kind: 'failure', error: new TypeError('thrown into the void') };
const SIGNALLED: RunEnd = { kind: 'failure', error: new SignalledError('SIGTERM') };
const MIN = 60_000;

type Row = readonly [
  name: string,
  end: RunEnd,
  now: Circumstances,
  machine: EndPlan['machine'],
  because: string,
  delayMs?: number,
];

const KEEP_CODE_1 = lifecycle({ onExit: { codes: new Map([[1, 'keep']]), other: 'remove' } });
const KEEP_OTHERS = lifecycle({ onExit: { codes: new Map([[0, 'remove']]), other: 'keep' } });
const ON_FAILURE_KEEP = lifecycle({ onFailure: { action: 'keep', delayMs: undefined } });
const ON_FAILURE_LATER = lifecycle({ onFailure: { action: 'remove', delayMs: 7 * MIN } });
const ON_SIGNAL_REMOVE = lifecycle({ onSignal: 'remove' });
const SHUTDOWN_HOST = lifecycle({ shutdownHost: true });

const KILLED_WORDS = 'the worker was ended by SIGKILL (lifecycle.onExit)';
const FAILED = 'the run failed (lifecycle.onFailure)';
const UNREGISTERED = 'the run failed before this machine was registered (lifecycle.onFailure)';
const DOOMED = 'no worker is started while the notice of the cloud stands';
const A_SIGNAL = 'a signal asked for the end of the run';
const BOOT_ENDED = 'a signal ended the boot (lifecycle.onSignal)';
const BUSY = 'another start-worker is running its worker';
const ASKED = 'the worker asked for it';
const DUMMY = 'the dummy worker disposes of nothing';
const NO_CLOUD = 'it is no machine of a cloud';

function onExit(code: number): string {
  return `the worker exited with code ${code} (lifecycle.onExit)`;
}

const ROWS: readonly Row[] = [
  ['a cloud’s worker that exits with 0 is removed', exited(0), REGISTERED, 'remove', onExit(0)],
  ['so is one that exits with any other code', exited(69), REGISTERED, 'remove', onExit(69)],
  ['so is one that a signal of others killed', KILLED, REGISTERED, 'remove', KILLED_WORDS],
  ['so is one that cannot be halted', exited(0), { ...REGISTERED, host: NO_HALT }, 'remove', onExit(0)],
  ['so is one that was interrupted', exited(72), { ...REGISTERED, notices: [SPOT] }, 'remove', onExit(72)],
  ['a worker that needs a reboot keeps its machine', exited(67), REGISTERED, 'keep', onExit(67)],
  ['onExit keeps for its codes', exited(1), { ...REGISTERED, ...KEEP_CODE_1 }, 'keep', onExit(1)],
  ['onExit removes for other codes', exited(2), { ...REGISTERED, ...KEEP_CODE_1 }, 'remove', onExit(2)],
  ['onExit.other keeps for codes not named', exited(3), { ...REGISTERED, ...KEEP_OTHERS }, 'keep', onExit(3)],
  [
    'onExit.other counts for a killed worker',
    KILLED,
    { ...REGISTERED, ...KEEP_OTHERS },
    'keep',
    KILLED_WORDS,
  ],
  [
    'onExit of named codes stands above other',
    exited(0),
    { ...REGISTERED, ...KEEP_OTHERS },
    'remove',
    onExit(0),
  ],

  [
    'onFailure is not for workers that end',
    exited(1),
    { ...REGISTERED, ...ON_FAILURE_KEEP },
    'remove',
    onExit(1),
  ],
  [
    'no worker’s end waits for a delay',
    exited(1),
    { ...REGISTERED, ...ON_FAILURE_LATER },
    'remove',
    onExit(1),
  ],

  ['a failure before registration halts in 2 min', failed('refused'), NEW, 'halt', UNREGISTERED, 2 * MIN],
  ['a failure after registration removes at once', failed('files'), REGISTERED, 'remove', FAILED],
  ['a fault before registration halts in 2 min', FAULT, NEW, 'halt', UNREGISTERED, 2 * MIN],
  ['a fault after registration removes at once', FAULT, REGISTERED, 'remove', FAILED],
  [
    'the user’s delay counts before registration',
    failed('metadata'),
    { ...NEW, ...ON_FAILURE_LATER },
    'halt',
    UNREGISTERED,
    7 * MIN,
  ],
  [
    'the user’s delay counts after it',
    failed('files'),
    { ...REGISTERED, ...ON_FAILURE_LATER },
    'remove',
    FAILED,
    7 * MIN,
  ],
  [
    'onFailure can keep before registration',
    failed('metadata'),
    { ...NEW, ...ON_FAILURE_KEEP },
    'keep',
    UNREGISTERED,
  ],
  ['onFailure can keep after it', failed('files'), { ...REGISTERED, ...ON_FAILURE_KEEP }, 'keep', FAILED],
  [
    'what cannot be halted is not waited for',
    failed('metadata'),
    { ...NEW, host: NO_HALT },
    'halt',
    UNREGISTERED,
  ],
  [
    'also with a delay',
    failed('files'),
    { ...REGISTERED, ...ON_FAILURE_LATER, host: NO_HALT },
    'remove',
    FAILED,
  ],
  ['under notice nothing waits', failed('unreachable'), { ...NEW, notices: [SPOT] }, 'halt', UNREGISTERED],
  [
    'also with a delay set',
    failed('files'),
    { ...REGISTERED, ...ON_FAILURE_LATER, notices: [SPOT] },
    'remove',
    FAILED,
  ],

  [
    'a notice before the worker started halts',
    failed('interrupted'),
    { ...NEW, notices: [SPOT] },
    'halt',
    DOOMED,
  ],
  [
    'or removes, where it is registered',
    failed('interrupted'),
    { ...REGISTERED, notices: [SPOT] },
    'remove',
    DOOMED,
  ],
  [
    'credentials that have ended can remove nothing: it is halted',
    failed('expired'),
    REGISTERED,
    'halt',
    FAILED,
  ],
  [
    'or removed after all, where it may not be halted',
    failed('expired'),
    { ...REGISTERED, host: { kind: 'provisioned', mayHalt: false, because: 'test' } },
    'remove',
    FAILED,
  ],
  ['a withdrawn one does not wait either', failed('interrupted'), NEW, 'halt', DOOMED],
  [
    'a notice is no failure to look into',
    failed('interrupted'),
    { ...NEW, ...ON_FAILURE_KEEP },
    'halt',
    DOOMED,
  ],

  ['a signal during the boot keeps', SIGNALLED, { ...NEW, signalled: true }, 'keep', A_SIGNAL],
  ['a signal keeps after registration', SIGNALLED, { ...REGISTERED, signalled: true }, 'keep', A_SIGNAL],
  [
    'a signal keeps, whatever the worker’s code',
    exited(0),
    { ...REGISTERED, signalled: true },
    'keep',
    A_SIGNAL,
  ],
  ['also with 67', exited(67), { ...REGISTERED, signalled: true }, 'keep', A_SIGNAL],
  [
    'also where something failed besides',
    failed('files'),
    { ...REGISTERED, signalled: true },
    'keep',
    A_SIGNAL,
  ],
  [
    'also where the worker asked to end',
    exited(0),
    { ...REGISTERED, signalled: true, shutdownAsked: true },
    'keep',
    A_SIGNAL,
  ],
  ['also under notice', exited(72), { ...REGISTERED, signalled: true, notices: [SPOT] }, 'keep', A_SIGNAL],

  [
    'onSignal: remove lets the worker’s code decide',
    exited(0),
    { ...REGISTERED, ...ON_SIGNAL_REMOVE, signalled: true },
    'remove',
    onExit(0),
  ],
  [
    'also where that keeps the machine',
    exited(67),
    { ...REGISTERED, ...ON_SIGNAL_REMOVE, signalled: true },
    'keep',
    onExit(67),
  ],
  [
    'it removes after a boot that a signal ended',
    SIGNALLED,
    { ...REGISTERED, ...ON_SIGNAL_REMOVE, signalled: true },
    'remove',
    BOOT_ENDED,
  ],
  [
    'before registration it halts, and nobody is waited for',
    SIGNALLED,
    { ...NEW, ...ON_SIGNAL_REMOVE, signalled: true },
    'halt',
    BOOT_ENDED,
  ],
  [
    'nor after a failure that a signal came behind',
    failed('refused'),
    { ...NEW, ...ON_SIGNAL_REMOVE, signalled: true },
    'halt',
    UNREGISTERED,
  ],
  [
    'onSignal is not for machines of one’s own',
    exited(0),
    { ...REGISTERED, ...ON_SIGNAL_REMOVE, host: OWNED, signalled: true },
    'keep',
    NO_CLOUD,
  ],
  [
    'a machine where another start-worker runs is kept',
    failed('busy'),
    { ...REGISTERED, ...ON_SIGNAL_REMOVE, signalled: true, notices: [SPOT], shutdownAsked: true },
    'keep',
    BUSY,
  ],

  [
    'what the worker asked for is done',
    exited(68),
    { ...REGISTERED, ...KEEP_OTHERS, shutdownAsked: true },
    'remove',
    ASKED,
  ],
  ['unless it needs a reboot', exited(67), { ...REGISTERED, shutdownAsked: true }, 'keep', onExit(67)],
  [
    'also where a fault of ours came between',
    FAULT,
    { ...REGISTERED, ...ON_FAILURE_KEEP, shutdownAsked: true },
    'remove',
    ASKED,
  ],

  ['a dummy’s machine is kept', SHOWN, { ...REGISTERED, dummy: true }, 'keep', DUMMY],
  ['also where it failed', failed('refused'), { ...NEW, dummy: true }, 'keep', DUMMY],
  ['also under notice', failed('interrupted'), { ...NEW, dummy: true, notices: [SPOT] }, 'keep', DUMMY],

  [
    'a static machine is kept at the worker’s end',
    exited(0),
    { ...REGISTERED, host: OWNED },
    'keep',
    NO_CLOUD,
  ],
  ['also when the run failed', failed('files'), { ...REGISTERED, host: OWNED }, 'keep', NO_CLOUD],
  ['also before registration', failed('refused'), { ...NEW, host: OWNED }, 'keep', NO_CLOUD],
  ['also with a fault', FAULT, { ...NEW, host: OWNED }, 'keep', NO_CLOUD],
  ['also with shutdownHost', exited(0), { ...REGISTERED, ...SHUTDOWN_HOST, host: OWNED }, 'keep', NO_CLOUD],
  [
    'also where its worker asked to end',
    exited(68),
    { ...REGISTERED, host: OWNED, shutdownAsked: true },
    'keep',
    NO_CLOUD,
  ],
  [
    'with shutdownHost its worker’s wish is done, and never by removeWorker',
    exited(68),
    { ...REGISTERED, ...SHUTDOWN_HOST, host: OWNED, shutdownAsked: true },
    'halt',
    ASKED,
  ],
  [
    'but not where it needs a reboot',
    exited(67),
    { ...REGISTERED, ...SHUTDOWN_HOST, host: OWNED, shutdownAsked: true },
    'keep',
    NO_CLOUD,
  ],
];

for (const [name, end, now, machine, because, delayMs = 0] of ROWS) {
  void test(name, () => {
    const plan = planOf(end, now);
    assert.deepEqual([plan.machine, plan.because, plan.delayMs], [machine, because, delayMs]);
  });
}

void test('maintenance shortens no delay that is over before it', () => {
  const delay = (...notices: readonly Notice[]) => planOf(failed('refused'), { ...NEW, notices }).delayMs;
  const [before, after] = [maintenance('2026-11-21T08:01:59Z'), maintenance('2026-11-21T08:02:01Z')];
  assert.equal(delay(after), 2 * MIN);
  assert.equal(delay(before), 0);
  assert.equal(delay(after, before), 0);
  assert.equal(delay({ ...SPOT, kind: 'rebalance', finishTasks: true }), 2 * MIN);
});

void test('a worker that has told the pool by itself is not told of again', () => {
  const exit = { code: 64, signal: undefined };
  assert.ok(planOf({ kind: 'worker', exit, reported: false }, REGISTERED).report);
  assert.ok(!planOf({ kind: 'worker', exit, reported: true }, REGISTERED).report);
});

void test('the worker pool is told of failures that may come from its configuration, of faults, and of no others', () => {
  const told = (end: RunEnd, now: Circumstances = REGISTERED) => planOf(end, now).report;
  const codes = Array.from({ length: 256 }, (_, code) => code).filter(code => told(exited(code)));
  assert.deepEqual(codes, [64, 65, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84]);
  const names = ['badSource', 'files', 'workerStart'] as const;
  for (const name of names) {
    assert.ok(told(failed(name)), name);
    assert.ok(told(failed(name), { ...REGISTERED, host: OWNED }), `${name} on static`);
    assert.ok(!told(failed(name), NEW), `${name} where worker-manager does not know it`);
    assert.ok(!told(failed(name), { ...REGISTERED, signalled: true }), `${name} with a signal`);
    assert.ok(!told(failed(name), { ...REGISTERED, dummy: true }), `${name} of a dummy`);
  }
  const others = [
    'unreachable',
    'refused',
    'untrusted',
    'badReply',
    'metadata',
    'interrupted',
    'internal',
  ] as const;
  for (const end of [...others.map(failed), SIGNALLED, KILLED, SHOWN]) assert.ok(!told(end));
  assert.ok(told(FAULT), 'a fault of ours');
});

void test('the worker’s shutdown removes a cloud’s machine and halts one’s own only where the user wants it', () => {
  const { lifecycle: withHost } = SHUTDOWN_HOST;
  assert.equal(planOfShutdown(CLOUD, LIFECYCLE), 'remove');
  assert.equal(planOfShutdown(NO_HALT, LIFECYCLE), 'remove');
  assert.equal(planOfShutdown(OWNED, LIFECYCLE), 'keep');
  assert.equal(planOfShutdown(OWNED, withHost), 'halt');
});
