/** What a run tells of itself, and what becomes of it. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { RunnerError } from '../../src/errors.ts';
import { createRedactor } from '../../src/logging/create-redactor.ts';
import type { Notice } from '../../src/model.ts';
import { createConnection } from '../../src/protocol/connection.ts';
import type { RunEvent } from '../../src/run-event.ts';
import { watchInterruptions } from '../../src/runner/interruptions.ts';
import { SignalledError } from '../../src/runner/signals.ts';
import { createSummary, reasonOf } from '../../src/runner/summary.ts';
import { createWorkTeller } from '../../src/runner/tell-work.ts';
import { createTeller } from '../../src/runner/teller.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { createMemoryLog } from '../support/memory-log.ts';

function phasesOf(events: readonly RunEvent[]): readonly string[] {
  return events.flatMap(event => (event.kind === 'phase' ? [event.phase] : []));
}

function startWork() {
  const events: RunEvent[] = [];
  const asked = new AbortController();
  const signals = {
    asked: asked.signal,
    boot: asked.signal,
    onSignal: () => undefined,
    onHangup: () => undefined,
  };
  const work = createWorkTeller({ signals, tell: event => events.push(event) });
  return { events, work, signal: () => asked.abort(new Error('SIGTERM')) };
}

const ASKED: RunEvent = { kind: 'message', direction: 'to-worker', type: 'graceful-termination' };

void test('a worker starts, runs, and ends', () => {
  const { events, work } = startWork();
  work.started(7);
  work.greeted();
  work.ended();
  assert.deepEqual(phasesOf(events), ['starting the worker', 'running', 'ending']);
  assert.deepEqual(events[1], { kind: 'worker-started', pid: 7 });
});

for (const [who, ask] of [
  ['a signal', ({ signal }: ReturnType<typeof startWork>) => signal()],
  ['a message', ({ work }: ReturnType<typeof startWork>) => work.tell(ASKED)],
] as const) {
  void test(`a worker that ${who} asks to end drains, once`, () => {
    const scene = startWork();
    scene.work.started(7);
    scene.work.greeted();
    ask(scene);
    ask(scene);
    scene.work.ended();
    assert.deepEqual(phasesOf(scene.events), ['starting the worker', 'running', 'draining', 'ending']);
  });

  void test(`a worker that ${who} asks to end before hello never runs`, () => {
    const scene = startWork();
    scene.work.started(7);
    ask(scene);
    scene.work.greeted();
    scene.work.ended();
    assert.deepEqual(phasesOf(scene.events), ['starting the worker', 'draining', 'ending']);
  });
}

void test('a signal or a hello after the end of the worker begins no phase', () => {
  const { events, work, signal } = startWork();
  work.started(7);
  work.ended();
  work.greeted();
  signal();
  assert.deepEqual(phasesOf(events), ['starting the worker', 'ending']);
});

void test('a listener that fails is told of once, and does not keep the others from listening', () => {
  const log = createMemoryLog();
  const heard: RunEvent[] = [];
  const tell = createTeller(
    [
      () => {
        throw new TypeError('deaf');
      },
      event => heard.push(event),
    ],
    log,
  );
  tell({ kind: 'phase', phase: 'ending' });
  tell({ kind: 'phase', phase: 'ending' });
  tell({ kind: 'dropped', bytes: 1 });
  assert.deepEqual(
    heard.map(({ kind }) => kind),
    ['phase', 'dropped'],
  );
  assert.deepEqual(log.inOrder, ['what the run tells is no longer passed on in part: deaf']);
});

void test('the summary has each phase with its time, and why the run ended', async () => {
  const clock = createManualClock();
  const log = createMemoryLog();
  const tell = createSummary(clock.elapsed(), clock, log);
  await clock.pass(40);
  tell({ kind: 'phase', phase: 'registering' });
  await clock.pass(1500);
  tell({ kind: 'phase', phase: 'running' });
  await clock.pass(3_600_000);
  tell({ kind: 'ended', exitCode: 67, because: 'the worker exited with code 67' });
  assert.deepEqual(log.inOrder, [
    'the run ended with exit code 67: the worker exited with code 67; it took 1 h (starting 40 ms, registering 1.5 s, running 1 h)',
  ]);
});

void test('the reason of an end is a clause', () => {
  const nobody = new AbortController().signal;
  const asked = AbortSignal.abort(new Error('SIGINT'));
  const worker = { kind: 'worker', exit: { code: 0, signal: undefined }, reported: false } as const;
  assert.equal(reasonOf(worker, nobody), 'the worker exited with code 0');
  assert.equal(reasonOf(worker, asked), 'the worker exited with code 0, after SIGINT');
  assert.equal(reasonOf({ kind: 'shown' }, nobody), 'the dummy worker has shown the state');
  const refused = new RunnerError('test.refused', 'worker-manager refused', { exit: 'refused' });
  assert.equal(reasonOf({ kind: 'failure', error: refused }, nobody), 'worker-manager refused');
  const signalled = { kind: 'failure', error: new SignalledError('SIGTERM') } as const;
  assert.equal(reasonOf(signalled, asked), 'SIGTERM came before the worker was started');
});

void test('the watch for notices tells of each look, and of a notice that comes, stays and goes, once each', async t => {
  const clock = createManualClock();
  const events: RunEvent[] = [];
  const notice = { id: '1', kind: 'rebalance', reason: 'test', finishTasks: true } as const;
  const answers: readonly (readonly Notice[] | Error)[] = [[notice], [notice], [], new Error('no answer')];
  let looks = 0;
  async function look(): Promise<readonly Notice[]> {
    const answer = answers[looks++] ?? [];
    if (answer instanceof Error) throw answer;
    return Promise.resolve(answer);
  }
  const source = { name: 'test', everyMs: 1000, prompt: true, look };
  const interruptions = watchInterruptions([source], {
    clock,
    log: createMemoryLog(),
    tell: event => events.push(event),
  });
  t.after(() => interruptions.close());
  await clock.pass(3000);
  assert.deepEqual(events, [
    { kind: 'notice', notice, stands: true },
    { kind: 'looked', source: 'test', answered: true },
    { kind: 'looked', source: 'test', answered: true },
    { kind: 'notice', notice, stands: false },
    { kind: 'looked', source: 'test', answered: true },
    { kind: 'looked', source: 'test', answered: false },
  ]);
});

void test('each message of a conversation is told, and hello with what it agrees on', async () => {
  const events: RunEvent[] = [];
  const [input, output] = [new PassThrough(), new PassThrough()];
  const connection = createConnection({
    input,
    output,
    capabilities: ['log', 'graceful-termination'],
    limits: { lineBytes: 1000, messageBytes: 1000 },
    helloTimeoutMs: 1000,
    clock: createManualClock(),
    log: createMemoryLog(),
    redactor: createRedactor(),
    tell: event => events.push(event),
    onMessage: () => undefined,
  });
  input.write('~{"type":"hello","capabilities":["log","graceful-termination","new-credentials"]}\n');
  assert.equal(await connection.send({ type: 'graceful-termination', 'finish-tasks': true }), 'sent');
  input.end('~{"type":"log","body":{}}\ntext\n~{"type":"shutdown"}\n');
  await connection.ended;
  const told = (direction: string) =>
    events.flatMap(event => (event.kind === 'message' && event.direction === direction ? [event.type] : []));
  assert.deepEqual(told('to-worker'), ['welcome', 'graceful-termination']);
  // What is not taken as a message is none.
  assert.deepEqual(told('from-worker'), ['hello', 'log']);
  assert.deepEqual(
    events.filter(({ kind }) => kind === 'hello'),
    [{ kind: 'hello', capabilities: ['log', 'graceful-termination'] }],
  );
});
