/** The end of a cloud's run against a simulated worker-manager. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { RunnerError } from '../../src/errors.ts';
import type { Notice } from '../../src/model.ts';
import type { Host } from '../../src/providers/provider.ts';
import type { RunEnd } from '../../src/runner/ends.ts';
import { scene } from '../support/disposal-scene.ts';

const FIVE_MINUTES = 300_000;
const TWO_MINUTES = 120_000;

const EXITED: RunEnd = { kind: 'worker', exit: { code: 0, signal: undefined }, reported: false };
const REBOOT: RunEnd = { kind: 'worker', exit: { code: 67, signal: undefined }, reported: false };
const FAILED: RunEnd = {
  kind: 'failure',
  error: new RunnerError('test.failed', 'it failed', { exit: 'metadata' }),
};

const MISCONFIGURED: RunEnd = { kind: 'worker', exit: { code: 64, signal: undefined }, reported: false };
const DOOMED: RunEnd = {
  kind: 'failure',
  error: new RunnerError('run.interrupted', 'no worker is started', { exit: 'interrupted' }),
};
const SPOT: Notice = { id: '1', kind: 'spot-interruption', reason: 'test', finishTasks: false };

void test('the worker is removed once, and a removal that was accepted ends the run', async t => {
  const { disposal, removals, halts, log } = await scene(t);
  await disposal.settle(EXITED);
  assert.deepEqual(removals(), [200]);
  assert.deepEqual(await halts(), []);
  assert.deepEqual(log.inOrder, [
    'removing this machine: the worker exited with code 0 (lifecycle.onExit)',
    'removeWorker was accepted: worker-manager takes this machine away',
  ]);
});

void test('a removal that is refused for now is tried again; for good, the host is halted', async t => {
  const soon = await scene(t, { faults: [{ call: 'removeWorker', status: 503, times: 1 }] });
  const never = await scene(t, { faults: [{ call: 'removeWorker', status: 403, message: 'not for you' }] });
  await Promise.all([soon.disposal.settle(EXITED), never.disposal.settle(EXITED)]);
  assert.deepEqual(soon.removals(), [503, 200]);
  assert.deepEqual(await soon.halts(), []);
  assert.deepEqual(never.removals(), [403]);
  assert.deepEqual(await never.halts(), ['-h now']);
  assert.match(
    never.log.inOrder.join('\n'),
    /was not removed: removeWorker .* not for you\nhalting this machine with `halt-it -h now`/,
  );
});

void test('a removal takes no longer than the cloud waits: the host is halted in time', async t => {
  const { disposal, halts, announce, estate, log } = await scene(t, {
    faults: [{ call: 'removeWorker', hang: true }],
  });
  announce({ ...SPOT, deadline: new Date(Date.now() + 10_000) });
  await log.says('the cloud announces');
  const startMs = performance.now();
  await disposal.settle(EXITED);
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs < 10_000, `${tookMs} ms`);
  assert.deepEqual(await halts(), ['-h now']);
  assert.equal(estate.interruptions.standing()?.id, SPOT.id);
});

void test('a removal that fails says what to do about it', async t => {
  const { simulator, disposal, log } = await scene(t);
  simulator.revoke();
  await disposal.settle(EXITED);
  assert.match(
    log.inOrder.join('\n'),
    /was not removed: removeWorker [^\n]*401[^\n]*\nwhat to do: .+\nhalting/,
  );
});

void test('a host that may not be halted is not, and the log says what would have been done', async t => {
  const because = 'its metadata comes from A_TEST';
  const { disposal, halts, log } = await scene(t, {
    host: { kind: 'provisioned', mayHalt: false, because },
    registered: false,
  });
  await disposal.settle(FAILED);
  assert.deepEqual(await halts(), []);
  assert.deepEqual(log.inOrder, [
    `this machine would now be halted with \`halt-it -h now\`, but ${because}: it is kept`,
  ]);
});

void test('a machine that was never registered is halted after two minutes, and removeWorker is not asked', async t => {
  const { disposal, halts, removals, log, time } = await scene(t, { registered: false });
  const settled = disposal.settle(FAILED);
  await time.begun(TWO_MINUTES);
  assert.deepEqual(await halts(), []);
  assert.match(log.inOrder.join('\n'), /^this machine is halted in 2 min: .*; SIGTERM or SIGINT keeps it$/);
  time.end(TWO_MINUTES);
  await settled;
  assert.deepEqual(await halts(), ['-h now']);
  assert.deepEqual(removals(), []);
});

void test('a signal during the delay keeps the machine', async t => {
  const { disposal, halts, time, signal, log } = await scene(t, { registered: false });
  const settled = disposal.settle(FAILED);
  await time.begun(TWO_MINUTES);
  signal();
  await settled;
  assert.deepEqual(await halts(), []);
  assert.equal(log.inOrder.at(-1), 'SIGTERM: this machine is kept as it is');
});

void test('a notice during the delay ends the waiting', async t => {
  const { disposal, halts, time, announce } = await scene(t, { registered: false });
  const settled = disposal.settle(FAILED);
  await time.begun(TWO_MINUTES);
  announce(SPOT);
  await settled;
  assert.deepEqual(await halts(), ['-h now']);
});

void test('a signal during the removal ends it and keeps the machine', async t => {
  const { simulator, disposal, halts, signal, log } = await scene(t, {
    faults: [{ call: 'removeWorker', hang: true }],
  });
  const settled = disposal.settle(EXITED);
  await simulator.waitFor('removeWorker');
  signal();
  await settled;
  assert.deepEqual(await halts(), []);
  assert.equal(
    log.inOrder.at(-1),
    'SIGTERM: this machine is kept as it is; but its removal was asked for before',
  );
});

void test('the worker’s shutdown removes at once, and its end later asks for nothing again', async t => {
  const { disposal, removals, halts, time } = await scene(t);
  const obeyed = disposal.obeyShutdown('remove');
  await time.begun(FIVE_MINUTES);
  assert.deepEqual(removals(), [200]);
  await disposal.settle(EXITED);
  await obeyed;
  assert.deepEqual(removals(), [200]);
  assert.deepEqual(await halts(), []);
});

void test('a worker that still runs five minutes after the removal was accepted has its host halted, once', async t => {
  const { disposal, removals, halts, time } = await scene(t);
  const obeyed = disposal.obeyShutdown('remove');
  await time.begun(FIVE_MINUTES);
  time.end(FIVE_MINUTES);
  await obeyed;
  assert.deepEqual(await halts(), ['-h now']);
  await disposal.settle(EXITED);
  assert.deepEqual([await halts(), removals()], [['-h now'], [200]]);
});

void test('a shutdown whose removal is refused halts at once, and the worker’s end halts no second time', async t => {
  const { disposal, removals, halts } = await scene(t, {
    faults: [{ call: 'removeWorker', status: 403, message: 'no' }],
  });
  await disposal.obeyShutdown('remove');
  assert.deepEqual(await halts(), ['-h now']);
  await disposal.settle(EXITED);
  assert.deepEqual([await halts(), removals()], [['-h now'], [403]]);
});

void test('code 67 gives up a removal that is under way, and says so of one that was accepted', async t => {
  const underWay = await scene(t, { faults: [{ call: 'removeWorker', hang: true }] });
  const obeyed = underWay.disposal.obeyShutdown('remove');
  await underWay.simulator.waitFor('removeWorker');
  await underWay.disposal.settle(REBOOT);
  await obeyed;
  assert.deepEqual(await underWay.halts(), []);
  assert.equal(
    underWay.log.inOrder.at(-1),
    'this machine is kept: the worker exited with code 67 (lifecycle.onExit); but its removal was asked for before',
  );

  const accepted = await scene(t);
  const done = accepted.disposal.obeyShutdown('remove');
  await accepted.time.begun(FIVE_MINUTES);
  await accepted.disposal.settle(REBOOT);
  await done;
  assert.match(
    accepted.log.inOrder.at(-1) ?? '',
    /\(lifecycle.onExit\); but its removal was accepted before$/,
  );
});

void test('one’s own machine is halted by its worker once, where the user wants it, and never removed', async t => {
  const { disposal, halts, removals } = await scene(t, { host: { kind: 'owned' } });
  await disposal.obeyShutdown('halt');
  await disposal.settle(EXITED);
  assert.deepEqual([await halts(), removals()], [['-h now'], []]);
});

void test('code 67 gives up a halting that fails', async t => {
  const { disposal, halts, log } = await scene(t, { host: { kind: 'owned' }, halting: 'exit 1' });
  const obeyed = disposal.obeyShutdown('halt');
  await log.says('next try in 5 s');
  await disposal.settle(REBOOT);
  await obeyed;
  assert.deepEqual(await halts(), ['-h now']);
});

void test('maintenance that is far off ends no delay; maintenance within it does', async t => {
  const inMs = (ms: number) => new Date(Date.now() + ms);
  const [far, near] = [await scene(t, { registered: false }), await scene(t, { registered: false })];
  const settled = [far, near].map(({ disposal }) => disposal.settle(FAILED));
  await Promise.all([far, near].map(({ time }) => time.begun(TWO_MINUTES)));
  far.announce({ ...SPOT, kind: 'maintenance', finishTasks: true, deadline: inMs(7 * 24 * 3_600_000) });
  near.announce({ ...SPOT, kind: 'maintenance', finishTasks: true, deadline: inMs(60_000) });
  await settled[1];
  assert.deepEqual(await near.halts(), ['-h now']);
  await far.log.says('the cloud announces: maintenance');
  assert.deepEqual(await far.halts(), []);
  far.time.end(TWO_MINUTES);
  await settled[0];
  assert.deepEqual(await far.halts(), ['-h now']);
});

void test('under notice the removal does not wait for the report to the worker pool', async t => {
  const { simulator, disposal, removals, log, announce, signal } = await scene(t, {
    faults: [{ call: 'reportWorkerError', hang: true }],
  });
  announce(SPOT);
  await log.says('the cloud announces');
  const settled = disposal.settle(MISCONFIGURED);
  await simulator.waitFor('reportWorkerError');
  await log.says('removeWorker was accepted');
  assert.deepEqual(removals(), [200]);
  assert.doesNotMatch(log.inOrder.join('\n'), /could not be told/);
  // Nor does the end wait for it longer than the user wants.
  signal();
  await settled;
});

void test('an announcement is acknowledged when the machine is taken, and not where it is kept', async t => {
  const acknowledged: string[][] = [];
  async function settle(end: RunEnd, options: Parameters<typeof scene>[1], signalled = false) {
    const { disposal, log, announce, signal } = await scene(t, options);
    announce({
      ...SPOT,
      acknowledge() {
        acknowledged.push(log.inOrder.slice(1));
        return Promise.resolve();
      },
    });
    await log.says('the cloud announces');
    if (signalled) signal();
    await disposal.settle(end);
    return log.inOrder.at(-1) ?? '';
  }
  assert.match(await settle(EXITED, {}), /^acknowledged the spot-interruption/);
  assert.match(acknowledged[0]?.at(-1) ?? '', /^removeWorker was accepted/);
  assert.match(await settle(DOOMED, { registered: false }), /^acknowledged the spot-interruption/);
  assert.match(acknowledged[1]?.at(-1) ?? '', /^halting this machine/);
  assert.match(await settle(REBOOT, {}), /^this machine is kept/);
  assert.match(await settle(EXITED, {}, true), /^this machine is kept/);
  const unsure: Host = { kind: 'provisioned', mayHalt: false, because: 'nobody named a pool' };
  assert.match(await settle(DOOMED, { registered: false, host: unsure }), /it is kept$/);
  assert.equal(acknowledged.length, 2);
});

void test('a signal that the halting of the machine brings does not say that it is kept', async t => {
  const waits = 'until [ -e "$(dirname "$0")/down" ]; do sleep 0.02; done; kill -TERM $$';
  const { disposal, halts, log, signal, folder } = await scene(t, { registered: false, halting: waits });
  const settled = disposal.settle(DOOMED);
  await log.says('halting this machine');
  signal();
  await writeFile(join(folder, 'down'), '');
  await settled;
  assert.deepEqual(await halts(), ['-h now']);
  assert.deepEqual(log.inOrder.slice(1), [
    '`halt-it -h now` was ended by SIGTERM while we were asked to end as well: it is not tried again',
  ]);
});

void test('nor does one that comes when the worker has had the machine halted', async t => {
  const { disposal, halts, log, signal } = await scene(t, {
    faults: [{ call: 'removeWorker', status: 403, message: 'no' }],
  });
  await disposal.obeyShutdown('remove');
  signal();
  await disposal.settle(EXITED);
  assert.deepEqual(await halts(), ['-h now']);
  assert.equal(
    log.inOrder.at(-1),
    'a signal asked for the end of the run, but this machine is being halted already',
  );
});

void test('with onSignal: remove the first signal does not stop the removal, and a second one does', async t => {
  const { disposal, signal, log, halts } = await scene(t, {
    faults: [{ call: 'removeWorker', status: 503 }],
    lifecycle: { onSignal: 'remove' },
  });
  signal();
  const settled = disposal.settle(EXITED);
  await log.says('next try in');
  signal();
  await settled;
  assert.deepEqual(await halts(), []);
  assert.match(
    log.inOrder.at(-1) ?? '',
    /SIGTERM: this machine is kept as it is; but its removal was asked for/,
  );
});

void test('with onSignal: remove a signal ends the waiting, not the removal', async t => {
  const { disposal, signal, time, halts } = await scene(t, {
    registered: false,
    lifecycle: { onSignal: 'remove' },
  });
  const settled = disposal.settle(FAILED);
  await time.begun(TWO_MINUTES);
  signal();
  await settled;
  assert.deepEqual(await halts(), ['-h now']);
});
