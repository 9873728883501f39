import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observeLog } from '../../src/status/observe-log.ts';
import { createMemoryLog } from '../support/memory-log.ts';
import { createStatusScene, IDENTIFIED } from '../support/status-scene.ts';

void test('each phase lasts until the next one begins, and the last one until now', async () => {
  const { record, clock } = createStatusScene();
  await clock.pass(30);
  record.tell({ kind: 'phase', phase: 'identifying' });
  await clock.pass(500);
  record.tell({ kind: 'phase', phase: 'registering' });
  await clock.pass(2_000);
  const { phases, phase, phaseSeconds, runSeconds, since } = record.snapshot();
  assert.deepEqual(phases, [
    { phase: 'starting', startSeconds: 0, seconds: 0.03 },
    { phase: 'identifying', startSeconds: 0.03, seconds: 0.5 },
    { phase: 'registering', startSeconds: 0.53, seconds: 2 },
  ]);
  assert.deepEqual([phase, phaseSeconds, runSeconds], ['registering', 2, 2.53]);
  assert.equal(since, '2026-11-21T08:00:00.530Z');
});

void test('once the runner config is read, the start waits for what an earlier one left', () => {
  const { record } = createStatusScene({ isConfigured: false });
  assert.equal(record.snapshot().waitsFor, 'the runner config to be read');
  assert.equal(
    createStatusScene().record.snapshot().waitsFor,
    'what an earlier start left: its worker to end, and its state to be read',
  );
});

void test('the end may hear the worker out, look at the machine, and take its time', async () => {
  const { record, clock } = createStatusScene();
  record.tell({ kind: 'phase', phase: 'ending' });
  await clock.pass(32 * 60_000);
  assert.deepEqual(record.snapshot().problems, []);
  await clock.pass(1_000);
  assert.deepEqual(
    record.snapshot().problems.map(({ kind }) => kind),
    ['phase-overdue'],
  );
});

void test('what a boot waits for is said in words, with the tries that failed', () => {
  const { record } = createStatusScene();
  record.tell({ kind: 'phase', phase: 'registering' });
  assert.equal(record.snapshot().waitsFor, 'worker-manager to answer registerWorker');
  record.tell({ kind: 'call', name: 'registerWorker', result: '503' });
  record.tell({ kind: 'call', name: 'registerWorker', result: 'no reply' });
  assert.equal(
    record.snapshot().waitsFor,
    'worker-manager to answer registerWorker (tried 2 times; the last time: registerWorker, no reply)',
  );
  record.tell({ kind: 'call', name: 'registerWorker', result: 'ok' });
  record.tell({ kind: 'phase', phase: 'collecting secrets' });
  assert.equal(record.snapshot().waitsFor, 'the secrets service to answer');
  assert.deepEqual(record.snapshot().counts.calls, [
    { name: 'registerWorker', result: '503', count: 1 },
    { name: 'registerWorker', result: 'no reply', count: 1 },
    { name: 'registerWorker', result: 'ok', count: 1 },
  ]);
});

void test('a worker that was started and says nothing is waited for until it says hello', () => {
  const { record } = createStatusScene();
  record.tell({ kind: 'phase', phase: 'starting the worker' });
  assert.equal(record.snapshot().waitsFor, "the worker's process to start");
  record.tell({ kind: 'worker-started', pid: 7 });
  assert.equal(record.snapshot().waitsFor, 'the worker to say hello');
  record.tell({ kind: 'hello', capabilities: ['log'] });
  assert.deepEqual(record.snapshot().worker, { pid: 7, capabilities: ['log'] });
});

void test('the phases are one of four states, and the end is the last one', () => {
  const { record } = createStatusScene();
  const states = (['identifying', 'running', 'draining', 'ending'] as const).map(phase => {
    record.tell({ kind: 'phase', phase });
    return record.snapshot().state;
  });
  assert.deepEqual(states, ['starting', 'running', 'draining', 'draining']);
  record.tell({ kind: 'ended', exitCode: 67, because: 'the worker exited with code 67' });
  const { state, ended, waitsFor, problems } = record.snapshot();
  assert.equal(state, 'stopped');
  assert.deepEqual(ended, { exitCode: 67, because: 'the worker exited with code 67' });
  assert.equal(waitsFor, undefined);
  assert.deepEqual(
    problems.map(({ kind }) => kind),
    ['ended'],
  );
});

void test('a boot that waits as long as it may is healthy, and one that waits longer is not', async () => {
  const { record, clock } = createStatusScene();
  record.tell({ kind: 'phase', phase: 'registering' });
  await clock.pass(15 * 60_000);
  assert.deepEqual(record.snapshot().problems, []);
  await clock.pass(60_000);
  assert.deepEqual(record.snapshot().problems, [
    {
      kind: 'phase-overdue',
      text: '"registering" has lasted 16 min; it should be over after 15 min 30 s',
    },
  ]);
});

void test('a worker may run for ever, and be let finish for as long', async () => {
  const { record, clock } = createStatusScene();
  for (const phase of ['running', 'draining'] as const) {
    record.tell({ kind: 'phase', phase });
    await clock.pass(30 * 86_400_000);
    assert.deepEqual(record.snapshot().problems, []);
  }
});

void test('a renewal that does not come is a problem, and so are credentials that have ended', async () => {
  const { record, clock } = createStatusScene();
  record.tell({ kind: 'phase', phase: 'running' });
  const [due, expireAt] = [60, 90].map(minutes => new Date(clock.now() + minutes * 60_000));
  record.tell({ kind: 'credentials', expireAt, renewed: false });
  record.tell({ kind: 'renewal-due', at: due });
  const kinds = () => record.snapshot().problems.map(({ kind }) => kind);
  await clock.pass(64 * 60_000);
  assert.deepEqual(kinds(), []);
  await clock.pass(2 * 60_000);
  assert.deepEqual(kinds(), ['renewal-overdue']);
  await clock.pass(25 * 60_000);
  assert.deepEqual(kinds(), ['credentials-ended']);
  record.tell({ kind: 'credentials', expireAt: new Date(clock.now() + 3_600_000), renewed: true });
  record.tell({ kind: 'renewal-due', at: undefined });
  assert.deepEqual(kinds(), []);
  assert.equal(record.snapshot().credentials.renewals, 1);
});

void test('a source of notices that is silent for long is a problem until it answers again', async () => {
  const { record, clock } = createStatusScene();
  record.tell({ kind: 'phase', phase: 'running' });
  record.tell({ kind: 'looked', source: 'spot notices', answered: true });
  await clock.pass(240_000);
  record.tell({ kind: 'looked', source: 'spot notices', answered: false });
  assert.deepEqual(record.snapshot().problems, []);
  await clock.pass(120_000);
  record.tell({ kind: 'looked', source: 'spot notices', answered: false });
  const { problems, looks } = record.snapshot();
  assert.deepEqual(looks, [{ source: 'spot notices', answered: false, silentSeconds: 360 }]);
  assert.match(problems.map(({ text }) => text).join(), /^spot notices has not answered for 6 min:/);
  record.tell({ kind: 'looked', source: 'spot notices', answered: true });
  assert.deepEqual(record.snapshot().problems, []);
});

void test('the last fifty lines are kept in order, whoever wrote them, and all are counted', () => {
  const { record } = createStatusScene();
  record.output('worker', Array.from({ length: 100 }, (_, index) => `line ${index}\n`).join(''));
  record.entry('warning', 'a warning of ours');
  record.output('worker-stderr', 'one more\n');
  const { lines, counts, troubles } = record.snapshot();
  assert.equal(lines.length, 50);
  assert.deepEqual(
    lines.slice(-3).map(({ source, text }) => `${source}: ${text}`),
    ['worker: line 99', 'runner: a warning of ours', 'worker-stderr: one more'],
  );
  assert.equal(lines[0]?.text, 'line 52');
  assert.deepEqual(counts.lines, { worker: 100, 'worker-stderr': 1 });
  assert.deepEqual(
    troubles.map(({ severity, message }) => [severity, message]),
    [['warning', 'a warning of ours']],
  );
});

void test('a secret that is learned late is hidden in what was kept before, at the cut of a long line too', () => {
  const { record, redactor } = createStatusScene();
  const secret = 'the-secret-that-is-learned-late';
  const cutInTwo = `${'x'.repeat(490)}${secret}${'y'.repeat(100)}`;
  record.output('worker', `${secret}\n${cutInTwo}\n`);
  record.entry('error', `failed with ${secret}`);
  record.tell({
    kind: 'identified',
    identified: { ...IDENTIFIED, location: { cloud: secret } },
    resumed: false,
  });
  record.tell({ kind: 'hello', capabilities: [secret] });
  record.tell({
    kind: 'notice',
    notice: { id: '1', kind: 'reboot', reason: secret, finishTasks: true },
    stands: true,
  });
  record.tell({ kind: 'ended', exitCode: 1, because: secret });
  assert.ok(JSON.stringify(record.snapshot()).includes(secret), 'nobody has said that it is secret');
  redactor.add(secret);
  const json = JSON.stringify(record.snapshot());
  assert.ok(!json.includes('the-secret'), json);
  assert.equal(json.match(/\[secret\]/g)?.length, 9);
});

void test('a log that is observed gets all that it got before, and the record has it as the log shows it', async () => {
  const { record } = createStatusScene();
  const inner = createMemoryLog();
  const log = observeLog(inner, record);
  log.info('began', { worker: 'generic-worker', pid: 3 });
  const goOn = inner.stall();
  const room = log.output('worker', [
    { kind: 'text', text: 'a\nb\n' },
    { kind: 'log', body: { textPayload: 'structured', taskId: 'x' } },
  ]);
  assert.ok(room instanceof Promise, 'the log takes no more for now');
  goOn();
  await room;
  assert.deepEqual(
    record.snapshot().lines.map(({ text }) => text),
    ['began; worker: generic-worker; pid: 3', 'a', 'b', 'structured; taskId: x'],
  );
  assert.equal(record.snapshot().counts.lines.worker, 3);
  assert.equal(inner.entries[0]?.message, 'began');
  assert.equal(inner.outputOf('worker').length, 2);
});

void test('a million lines are kept account of in less than a second', () => {
  const { record } = createStatusScene();
  const batch = 'a line of a worker that has much to say, and says it quickly\n'.repeat(1_000);
  const start = process.cpuUsage();
  for (let count = 0; count < 1_000; count += 1) record.output('worker', batch);
  const { user, system } = process.cpuUsage(start);
  const took = (user + system) / 1000;
  assert.equal(record.snapshot().counts.lines.worker, 1_000_000);
  assert.ok(took < 1_000, `${took} ms`);
});
