/** Whose machine this is, where the metadata service says nothing. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { RunnerConfig } from '../../src/config/runner-config.ts';
import { RunnerError } from '../../src/errors.ts';
import type { HaltOptions } from '../../src/platform/halt.ts';
import type { Host, Provider } from '../../src/providers/provider.ts';
import { createEnding } from '../../src/runner/ending.ts';
import { recall } from '../../src/runner/recall.ts';
import type { KeptState, Recognition, StateStore } from '../../src/state/state.ts';
import { NO_STORE, scene } from '../support/disposal-scene.ts';
import { createManualClock } from '../support/manual-clock.ts';

const NOT_SURE: Host = { kind: 'provisioned', mayHalt: false, because: 'nobody has said whose it is' };
const SURE: Host = { kind: 'provisioned', mayHalt: true };

/** A machine that says who it is only as often as there are answers; the last is repeated. */
function forgetful(answers: readonly Recognition[]): Provider & { readonly asked: () => number } {
  let asked = 0;
  let host = NOT_SURE;
  return {
    name: 'aws',
    identify: () => Promise.reject(new Error('not asked')),
    noticeSources: [],
    close: () => undefined,
    host: () => host,
    asked: () => asked,
    recognize(_, signal) {
      const answer = answers[Math.min(asked, answers.length - 1)] ?? 'unknown';
      asked += 1;
      if (answer === 'same') host = SURE;
      if (answer !== 'unknown') return Promise.resolve(answer);
      const { promise, resolve } = Promise.withResolvers<Recognition>();
      signal.addEventListener('abort', () => resolve('unknown'), { once: true });
      return promise;
    },
  };
}

async function recalled(t: TestContext, answers: readonly Recognition[]) {
  const made = await scene(t);
  const clock = createManualClock();
  const halts: string[] = [];
  // No process of its own: the clock of the test would outrun it.
  function halt({ command }: HaltOptions): Promise<void> {
    halts.push(command.join(' '));
    return Promise.resolve();
  }
  const world = { ...made.world, clock, system: { ...made.world.system, halt } };
  const provider = forgetful(answers);
  const identity = made.estate.registered();
  assert.ok(identity !== undefined);
  const kept: KeptState = {
    phase: 'ready',
    provider: 'aws',
    instance: 'i-1',
    identified: { identity, location: {}, metadata: {} },
    // Nobody has issued these: removeWorker refuses them.
    registered: {
      credentials: { clientId: 'w', accessToken: 'an-access-token' },
      providerConfig: {},
    },
    secrets: [],
  };
  const disowned: string[] = [];
  const store: StateStore = {
    ...NO_STORE,
    disown: instance => Promise.resolve(void disowned.push(instance)),
    load: async recognize => ((await recognize(kept.instance)) === 'another' ? undefined : kept),
  };
  const config = {
    lifecycle: made.estate.lifecycle,
    worker: { implementation: 'generic-worker' },
  } as RunnerConfig;
  const { interruptions } = made.estate;
  const ending = createEnding({ config, provider, interruptions, store }, world);
  const request = { provider, store, ending, interruptions, obstacle: undefined };
  return { ...made, clock, provider, ending, kept, halts, disowned, recall: () => recall(request, world) };
}

void test('after two seconds without an answer the kept state is trusted, with one line', async t => {
  const { clock, recall: ask, kept, log } = await recalled(t, ['unknown']);
  const answer = ask();
  await clock.pass(1_999);
  assert.equal(clock.sleeping, 1);
  await clock.pass(1);
  assert.equal(await answer, kept);
  assert.equal(log.inOrder.filter(line => line.includes('nobody has said in time')).length, 1);
});

void test('a machine that answers at once is waited for no longer', async t => {
  const { recall: ask, kept, log } = await recalled(t, ['same']);
  assert.equal(await ask(), kept);
  assert.ok(!log.inOrder.some(line => line.includes('nobody has said in time')));
});

void test('a signal ends the wait', async t => {
  const { clock, recall: ask, signal } = await recalled(t, ['unknown']);
  const refused = assert.rejects(ask(), /SIGTERM/);
  await clock.pass(1);
  signal();
  await refused;
});

for (const [what, second, halted] of [
  ['that can say at the end whose it is, is halted', 'same', ['halt-it -h now']],
  ['that says nothing at the end either, is kept', 'unknown', []],
] as const) {
  void test(`a machine ${what}`, async t => {
    const { clock, ending, provider, halts, recall: ask } = await recalled(t, ['unknown', second]);
    const code = ending.of(async () => {
      await ask();
      throw new RunnerError('test.failed', 'it failed', { exit: 'refused' });
    });
    const ended = new AbortController();
    void code.then(() => ended.abort());
    while (!ended.signal.aborted) await clock.pass(500);
    assert.ok(provider.asked() > 1);
    assert.deepEqual(halts, halted);
  });
}

for (const how of ['that fails', 'whose worker asks for its end'] as const) {
  void test(`a machine ${how}, and that turns out to be another, is no worker: nothing is removed`, async t => {
    const made = await recalled(t, ['unknown', 'another']);
    const { clock, ending, halts, disowned, removals, log, recall: ask } = made;
    const code = ending.of(async () => {
      await ask();
      if (how === 'that fails') throw new RunnerError('test.failed', 'it failed', { exit: 'refused' });
      ending.shutdownAsked();
      await log.says('would now be halted');
      return { kind: 'worker', exit: { code: 0, signal: undefined }, reported: false };
    });
    const ended = new AbortController();
    void code.then(() => ended.abort());
    while (!ended.signal.aborted) await clock.pass(500);
    assert.deepEqual([removals(), halts, disowned], [[], [], ['i-1']], log.inOrder.join('\n'));
    assert.match(
      log.inOrder.join('\n'),
      /this machine would now be halted .*, but nobody has said whose it is/,
    );
  });
}
