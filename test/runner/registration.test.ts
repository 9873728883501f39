/** A signal while the machine registers: what is under way may still end well. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { Registered } from '../../src/model.ts';
import type { Identification } from '../../src/providers/provider.ts';
import { register } from '../../src/runner/registration.ts';
import { listenForSignals } from '../../src/runner/signals.ts';
import type { World } from '../../src/runner/world.ts';
import type { Taskcluster } from '../../src/taskcluster/taskcluster.ts';
import { unlessAborted } from '../../src/unless-aborted.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { createMemoryLog } from '../support/memory-log.ts';

const REGISTERED: Registered = { credentials: { clientId: 'w', accessToken: 't' }, providerConfig: {} };

async function registering() {
  const clock = createManualClock();
  const source = new EventEmitter();
  const fault = new AbortController();
  const answer = Promise.withResolvers<Registered>();
  const called = Promise.withResolvers<AbortSignal | undefined>();
  const registerWorker: Taskcluster['registerWorker'] = (_, signal, options) => {
    called.resolve(options?.noMoreTries);
    return unlessAborted(answer.promise, signal);
  };
  const world = {
    clock,
    log: createMemoryLog(),
    signals: listenForSignals(source),
    fault: fault.signal,
    services: { taskcluster: () => Promise.resolve({ registerWorker }) },
    system: { bootTime: () => Promise.resolve(undefined) },
  } as unknown as World;
  const identification: Identification = {
    identified: {
      identity: { rootUrl: 'https://tc.example.com', workerPoolId: 'a/b', workerGroup: 'g', workerId: 'i' },
      location: {},
      metadata: {},
    },
    instance: 'i',
    registration: {
      kind: 'register',
      providerId: 'p',
      prove: () => Promise.resolve({}),
      patience: { unknownWorkerForMs: 0, refusedTries: 1 },
      ifRefused: 'look',
    },
  };
  const result = register(identification, world).then(
    registered => ({ registered }),
    (error: unknown) => ({ error }),
  );
  const noMoreTries = await called.promise;
  return { clock, answer, fault, result, noMoreTries, signal: () => source.emit('SIGTERM') };
}

void test('no other try begins, but the answer to this one counts', async () => {
  const { clock, answer, result, noMoreTries, signal } = await registering();
  signal();
  assert.equal(noMoreTries?.aborted, true);
  await clock.pass(4_000);
  answer.resolve(REGISTERED);
  assert.deepEqual(await result, { registered: REGISTERED });
  await clock.pass(0);
  assert.equal(clock.sleeping, 0);
});

void test('an answer that does not come is waited for 5 s', async () => {
  const { clock, result, signal } = await registering();
  signal();
  await clock.pass(5_000);
  const ended = await result;
  assert.match(String('error' in ended && ended.error), /SIGTERM came before the worker was started/);
});

void test('a failure of it is no reason for the end of the boot: the signal is', async () => {
  const { answer, result, signal } = await registering();
  signal();
  answer.reject(new Error('the gateway is down'));
  const ended = await result;
  assert.match(String('error' in ended && ended.error), /SIGTERM came before the worker was started/);
});

void test('a fault of ours cuts it at once', async () => {
  const { result, fault } = await registering();
  fault.abort(new TypeError('thrown into the void'));
  const ended = await result;
  assert.match(String('error' in ended && ended.error), /thrown into the void/);
});
