import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { RunnerError } from '../../src/errors.ts';
import type { Notice } from '../../src/model.ts';
import type { NoticeSource } from '../../src/providers/provider.ts';
import { type Interruptions, watchInterruptions } from '../../src/runner/interruptions.ts';
import { createManualClock, type ManualClock } from '../support/manual-clock.ts';
import { createMemoryLog, type MemoryLog } from '../support/memory-log.ts';

const HOUR_MS = 3_600_000;
const EVERY_MS = 2000;

const SPOT: Notice = {
  id: 'spot-1',
  kind: 'spot-interruption',
  deadline: new Date('2026-11-21T08:02:00Z'),
  reason: 'instance-action: terminate',
  finishTasks: false,
};
const NEVER = new AbortController().signal;
const REBALANCE: Notice = { id: 'rebalance-1', kind: 'rebalance', reason: 'a risk', finishTasks: true };

const DOWN = new RunnerError('metadata.silent', 'GET http://imds/spot got no answer', { exit: 'metadata' });

/** A metadata service of the test: what stands is what it says, until it fails. */
interface TestSource extends NoticeSource {
  standing: readonly Notice[];
  failure: unknown;
  /** When it was asked, by the clock's elapsed(). */
  readonly looks: readonly number[];
}

function createSource(clock: ManualClock, change: Partial<TestSource> = {}): TestSource {
  const looks: number[] = [];
  const source: TestSource = {
    name: 'spot interruptions',
    everyMs: EVERY_MS,
    prompt: true,
    standing: [],
    failure: undefined,
    looks,
    look: async () => {
      looks.push(clock.elapsed());
      return source.failure === undefined ? source.standing : await fail(source.failure);
    },
    ...change,
  };
  return source;
}

async function fail(reason: unknown): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  reject(reason);
  return promise;
}

interface Rig {
  readonly clock: ManualClock;
  readonly log: MemoryLog;
  readonly interruptions: Interruptions;
  /** What a handler was told. */
  readonly told: readonly string[];
  /** As run.ts does it: the metadata service has answered identify(). */
  booted(): Promise<void>;
  lines(): readonly string[];
}

function watch(t: TestContext, clock: ManualClock, ...sources: readonly NoticeSource[]): Rig {
  const log = createMemoryLog();
  const interruptions = watchInterruptions(sources, { clock, log, tell: () => undefined });
  t.after(() => interruptions.close());
  const told: string[] = [];
  return {
    clock,
    log,
    interruptions,
    told,
    async booted() {
      const answer = interruptions.firstAnswer(NEVER);
      await clock.pass(1000);
      await answer;
      interruptions.onNotice(({ id }) => told.push(id));
    },
    lines: () => log.entries.map(({ severity, message }) => `${severity}: ${message}`),
  };
}

function watchOne(t: TestContext, change: Partial<TestSource> = {}): Rig & { readonly source: TestSource } {
  const clock = createManualClock();
  const source = createSource(clock, change);
  return { ...watch(t, clock, source), source };
}

test('a notice is told once and logged once, with kind, deadline and reason', async t => {
  const rig = watchOne(t);
  await rig.booted();
  rig.source.standing = [SPOT];
  await rig.clock.pass(HOUR_MS);
  assert.deepEqual(rig.told, ['spot-1']);
  assert.equal(rig.interruptions.standing(), SPOT);
  assert.deepEqual(rig.log.entries, [
    {
      severity: 'warning',
      message: 'the cloud announces: spot-interruption, in 1 min 58 s',
      fields: {
        kind: 'spot-interruption',
        deadline: '2026-11-21T08:02:00.000Z',
        reason: 'instance-action: terminate',
      },
    },
  ]);
});

test('a notice without a deadline, and one whose deadline is over, are logged in words that fit', async t => {
  const over = { ...SPOT, deadline: new Date('2026-11-21T07:59:00Z') };
  const rig = watchOne(t, { standing: [REBALANCE, over] });
  await rig.booted();
  assert.deepEqual(rig.lines(), [
    'warning: the cloud announces: rebalance, no deadline',
    'warning: the cloud announces: spot-interruption, now',
  ]);
});

test('a notice is told within one poll interval of the moment the service shows it', async t => {
  const rig = watchOne(t);
  await rig.booted();
  await rig.clock.pass(HOUR_MS);
  rig.source.standing = [SPOT];
  await rig.clock.pass(EVERY_MS);
  assert.deepEqual(rig.told, ['spot-1']);
});

test('a source that waits for changes by itself is asked again at once', async t => {
  const answers = [Promise.withResolvers<readonly Notice[]>(), Promise.withResolvers<readonly Notice[]>()];
  let asked = 0;
  const rig = watchOne(t, {
    everyMs: 0,
    look: () => answers[(asked += 1) - 1]?.promise ?? new Promise<never>(() => undefined),
  });
  answers[0]?.resolve([]);
  await rig.booted();
  answers[1]?.resolve([SPOT]);
  await rig.clock.pass(0);
  assert.deepEqual(rig.told, ['spot-1']);
  assert.equal(asked, 3);
});

test('several notices are told each by itself, in the order in which they came', async t => {
  const clock = createManualClock();
  const [spot, rebalance] = [createSource(clock), createSource(clock)];
  const rig = watch(t, clock, spot, rebalance);
  await rig.booted();
  rebalance.standing = [REBALANCE];
  await clock.pass(10_000);
  spot.standing = [SPOT];
  await clock.pass(10_000);
  assert.deepEqual(rig.told, ['rebalance-1', 'spot-1']);
  assert.deepEqual(
    rig.interruptions.seen.map(({ notice, seenAt, stands }) => [notice.id, seenAt.toISOString(), stands]),
    [
      ['rebalance-1', '2026-11-21T08:00:02.000Z', true],
      ['spot-1', '2026-11-21T08:00:12.000Z', true],
    ],
  );
});

test('a withdrawn notice is forgotten, with one line', async t => {
  const rig = watchOne(t);
  await rig.booted();
  rig.source.standing = [SPOT, REBALANCE];
  await rig.clock.pass(10_000);
  rig.source.standing = [REBALANCE];
  await rig.clock.pass(HOUR_MS);
  assert.equal(rig.interruptions.standing(), REBALANCE);
  rig.source.standing = [];
  await rig.clock.pass(HOUR_MS);
  assert.equal(rig.interruptions.standing(), undefined);
  assert.deepEqual(
    rig.interruptions.seen.map(({ notice, stands }) => [notice.id, stands]),
    [
      ['spot-1', false],
      ['rebalance-1', false],
    ],
  );
  assert.deepEqual(rig.lines().slice(2), [
    'info: the cloud has withdrawn its announcement: spot-interruption',
    'info: the cloud has withdrawn its announcement: rebalance',
  ]);
});

test('a notice that comes and goes is still told only once, and fills no log', async t => {
  const rig = watchOne(t);
  await rig.booted();
  for (let round = 0; round < 5; round += 1) {
    rig.source.standing = [SPOT];
    await rig.clock.pass(EVERY_MS);
    assert.equal(rig.interruptions.standing()?.id, 'spot-1');
    rig.source.standing = [];
    await rig.clock.pass(EVERY_MS);
    assert.equal(rig.interruptions.standing(), undefined);
  }
  assert.deepEqual(rig.told, ['spot-1']);
  assert.equal(rig.log.entries.length, 2, rig.lines().join('\n'));
});

test('a notice whose deadline is moved is the same notice, with the new deadline', async t => {
  const rig = watchOne(t);
  await rig.booted();
  rig.source.standing = [SPOT];
  await rig.clock.pass(EVERY_MS);
  const deadline = new Date('2026-11-21T08:01:00Z');
  rig.source.standing = [{ ...SPOT, deadline }];
  await rig.clock.pass(EVERY_MS);
  assert.equal(rig.interruptions.standing()?.deadline, deadline);
  assert.deepEqual(rig.told, ['spot-1']);
  assert.equal(rig.log.entries.length, 1);
});

test('whoever asks later is told what stands, not what was withdrawn before', async t => {
  const rig = watchOne(t, { standing: [SPOT, REBALANCE] });
  await rig.clock.pass(0);
  rig.source.standing = [REBALANCE];
  await rig.clock.pass(EVERY_MS);
  const late: string[] = [];
  rig.interruptions.onNotice(({ id }) => late.push(id));
  assert.deepEqual(late, ['rebalance-1']);
  // It comes back, and nobody has been told of it.
  rig.source.standing = [SPOT, REBALANCE];
  await rig.clock.pass(EVERY_MS);
  assert.deepEqual(late, ['rebalance-1', 'spot-1']);
});

test('a boot waits for the first answer, and then knows what stands', async t => {
  const answer = Promise.withResolvers<readonly Notice[]>();
  const { clock, interruptions } = watchOne(t, { look: () => answer.promise });
  let known: Notice | undefined;
  const boot = interruptions.firstAnswer(NEVER).then(() => (known = interruptions.standing()));
  await clock.pass(900);
  answer.resolve([SPOT]);
  await boot;
  assert.equal(known, SPOT);
});

test('a boot waits for the first answer one second and no longer', async t => {
  const { clock, interruptions } = watchOne(t, { look: () => new Promise<never>(() => undefined) });
  let waitedMs = Number.NaN;
  const boot = interruptions.firstAnswer(NEVER).then(() => (waitedMs = clock.elapsed()));
  await clock.pass(HOUR_MS);
  await boot;
  assert.equal(waitedMs, 1000);
});

test('a boot that is to end does not wait for the first answer', async t => {
  const { interruptions, clock } = watchOne(t, { look: () => Promise.withResolvers<never>().promise });
  await assert.rejects(
    interruptions.firstAnswer(AbortSignal.abort(new Error('SIGTERM'))),
    /^Error: SIGTERM$/,
  );
  assert.equal(clock.elapsed(), 0);
});

test('a boot never waits for a first answer that may take minutes, nor where nobody announces anything', async t => {
  const slow = watchOne(t, { prompt: false, look: () => new Promise<never>(() => undefined) });
  await slow.interruptions.firstAnswer(NEVER);
  await watch(t, createManualClock()).interruptions.firstAnswer(NEVER);
});

test('a metadata service that fails at first is asked again soon enough to stop a doomed machine', async t => {
  const rig = watchOne(t, { failure: DOWN });
  // identify() has its own patience.
  await rig.clock.pass(40_000);
  rig.source.failure = undefined;
  rig.source.standing = [SPOT];
  const boot = rig.interruptions.firstAnswer(NEVER);
  await rig.clock.pass(1000);
  await boot;
  assert.equal(rig.interruptions.standing(), SPOT);
  // The boot tells of its own troubles.
  assert.equal(rig.log.entries.length, 1, rig.lines().join('\n'));
});

test('a quiet hour writes no lines', async t => {
  const rig = watchOne(t);
  await rig.booted();
  await rig.clock.pass(HOUR_MS);
  assert.ok(rig.source.looks.length > 1700);
  assert.deepEqual(rig.log.entries, []);
});

test('one failed look is no outage', async t => {
  const rig = watchOne(t);
  await rig.booted();
  rig.source.failure = DOWN;
  await rig.clock.pass(EVERY_MS);
  rig.source.failure = undefined;
  await rig.clock.pass(HOUR_MS);
  assert.deepEqual(rig.log.entries, []);
});

test('an outage is one warning and one line when it is over', async t => {
  const rig = watchOne(t);
  await rig.booted();
  rig.source.failure = DOWN;
  await rig.clock.pass(300_000);
  assert.deepEqual(rig.lines(), [
    'warning: for 2 s the cloud has not said whether it takes this machine away: GET http://imds/spot got no answer; it is asked on',
  ]);
  rig.source.failure = undefined;
  await rig.clock.pass(HOUR_MS);
  assert.match(
    rig.lines()[1] ?? '',
    /^info: the cloud says again whether it takes this machine away, after 5 min( \d+ s)?$/,
  );
  assert.equal(rig.log.entries.length, 2);
});

test('an outage is told also where the boot has failed, and nobody is asked often any more', async t => {
  const rig = watchOne(t, { failure: DOWN });
  await rig.clock.pass(40_000);
  assert.deepEqual(rig.log.entries, []);
  rig.interruptions.endBoot();
  const from = rig.source.looks.length;
  await rig.clock.pass(120_000);
  assert.equal(rig.log.entries.length, 1, rig.lines().join('\n'));
  assert.ok(rig.source.looks.length - from < 12, `${rig.source.looks.length - from} looks`);
});

test('every outage is told', async t => {
  const rig = watchOne(t);
  await rig.booted();
  for (let round = 0; round < 2; round += 1) {
    rig.source.failure = DOWN;
    await rig.clock.pass(60_000);
    rig.source.failure = undefined;
    await rig.clock.pass(60_000);
  }
  assert.equal(rig.log.entries.length, 4, rig.lines().join('\n'));
});

test('while an outage lasts the waits double up to 30 s, and afterwards the poll goes on as before', async t => {
  const rig = watchOne(t);
  await rig.booted();
  rig.source.failure = DOWN;
  const from = rig.source.looks.length;
  await rig.clock.pass(120_000);
  const waits = waitsOf(rig.source.looks.slice(from));
  assert.deepEqual(waits, [2000, 4000, 8000, 16_000, 30_000, 30_000]);
  rig.source.failure = undefined;
  await rig.clock.pass(30_000);
  const back = rig.source.looks.length;
  await rig.clock.pass(10_000);
  assert.deepEqual(waitsOf(rig.source.looks.slice(back)), [2000, 2000, 2000, 2000]);
});

function waitsOf(looks: readonly number[]): readonly number[] {
  return looks.slice(1).map((at, index) => at - (looks[index] ?? Number.NaN));
}

test('a source that waits for changes by itself does not storm a service that is down', async t => {
  const rig = watchOne(t, { everyMs: 0, failure: DOWN });
  await rig.booted();
  const from = rig.source.looks.length;
  await rig.clock.pass(HOUR_MS);
  assert.ok(rig.source.looks.length - from < 130, `${rig.source.looks.length - from} looks`);
});

test('an outage is told once for all sources, and is over when all of them answer', async t => {
  const clock = createManualClock();
  const sources = [createSource(clock), createSource(clock, { everyMs: 500 }), createSource(clock)];
  const rig = watch(t, clock, ...sources);
  await rig.booted();
  for (const source of sources) source.failure = DOWN;
  await clock.pass(60_000);
  assert.equal(rig.log.entries.length, 1, rig.lines().join('\n'));
  for (const source of sources.slice(1)) source.failure = undefined;
  await clock.pass(60_000);
  assert.equal(rig.log.entries.length, 1, 'one source still fails');
  for (const source of sources) source.failure = undefined;
  await clock.pass(60_000);
  assert.equal(rig.log.entries.length, 2, rig.lines().join('\n'));
});

test('no failure ends the watch, and a notice is not withdrawn by one', async t => {
  const rig = watchOne(t, { standing: [REBALANCE] });
  await rig.booted();
  for (const failure of [DOWN, new TypeError('x is not a function'), 'no error at all', null]) {
    rig.source.failure = failure;
    await rig.clock.pass(HOUR_MS);
    assert.equal(rig.interruptions.standing(), REBALANCE);
    rig.source.failure = undefined;
    await rig.clock.pass(HOUR_MS);
  }
  rig.source.standing = [REBALANCE, SPOT];
  await rig.clock.pass(EVERY_MS);
  assert.deepEqual(rig.told, ['rebalance-1', 'spot-1']);
});

test('a fault of our own in a look is told by its name', async t => {
  const rig = watchOne(t, {
    look() {
      throw new TypeError('undefined is not a function');
    },
  });
  await rig.booted();
  await rig.clock.pass(HOUR_MS);
  assert.equal(rig.log.entries.length, 1);
  assert.match(
    rig.lines()[0] ?? '',
    /^warning: for .*: TypeError: undefined is not a function; it is asked on$/,
  );
});

test('after close nobody is asked any more, and nothing keeps the process', async t => {
  const clock = createManualClock();
  const source = createSource(clock);
  let aborted = false;
  const hanging = createSource(clock, {
    look: signal =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(signal.reason as Error);
        });
      }),
  });
  const rig = watch(t, clock, source, hanging);
  await rig.booted();
  assert.equal(clock.sleeping, 1);
  const looks = source.looks.length;
  rig.interruptions.close();
  await clock.pass(HOUR_MS);
  assert.ok(aborted);
  assert.equal(clock.sleeping, 0);
  assert.equal(source.looks.length, looks);
  assert.deepEqual(rig.log.entries, []);
});
