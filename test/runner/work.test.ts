/** The worker's process from its start to its end, in a world of the test. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import type { LifecycleSettings } from '../../src/config/runner-config.ts';
import { createRedactor } from '../../src/logging/create-redactor.ts';
import type { Registered } from '../../src/model.ts';
import type { Interruptions } from '../../src/runner/interruptions.ts';
import { listenForSignals } from '../../src/runner/signals.ts';
import { createTimeLeft } from '../../src/runner/time-left.ts';
import { work } from '../../src/runner/work.ts';
import type { World } from '../../src/runner/world.ts';
import type { KeptState } from '../../src/state/state.ts';
import type { ProcessExit, RunningProcess } from '../../src/supervision/process.ts';
import type { Renewal, Taskcluster } from '../../src/taskcluster/taskcluster.ts';
import { unlessAborted } from '../../src/unless-aborted.ts';
import { createWorker } from '../../src/workers/index.ts';
import { NO_STORE } from '../support/disposal-scene.ts';
import { createManualClock } from '../support/manual-clock.ts';
import { createMemoryLog } from '../support/memory-log.ts';

const HOUR = 3_600_000;
const LIFECYCLE = {
  helloTimeoutMs: 30_000,
  drainTimeoutMs: 15_000,
  finishTasks: true,
  gracePeriodMs: 300_000,
  killAfterMs: 10_000,
} as LifecycleSettings;

interface Working {
  /** What happens in the last moment before its process is started. */
  readonly starting?: (source: EventEmitter) => void;
}

function working({ starting = () => undefined }: Working = {}) {
  const clock = createManualClock();
  const log = createMemoryLog();
  const source = new EventEmitter();
  const fault = new AbortController();
  const signals = listenForSignals(source);
  const done: string[] = [];
  const exit = Promise.withResolvers<ProcessExit>();
  const renewal = Promise.withResolvers<Renewal>();
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const child: RunningProcess = {
    pid: 77,
    stdin,
    stdout,
    stderr,
    exited: exit.promise,
    kill: () => true,
    killGroup: () => true,
    leave: () => void done.push('left'),
  };
  const reregisterWorker: Taskcluster['reregisterWorker'] = (_identity, _secret, cut) => {
    done.push('renewal');
    return unlessAborted(renewal.promise, cut);
  };
  const world = {
    env: {},
    clock,
    log,
    redactor: createRedactor(),
    signals,
    fault: fault.signal,
    services: {
      taskcluster: () => Promise.resolve({ reregisterWorker }),
      useCredentials: () => undefined,
    },
    system: {
      createDefaultsRestorer() {
        starting(source);
        return Promise.resolve({
          wrap: (command: unknown) => command,
          obstacle: undefined,
          afterStart: () => Promise.resolve(),
        });
      },
      startProcess() {
        done.push('started');
        return Promise.resolve(child);
      },
      releaseMemory: () => undefined,
    },
    tell: () => undefined,
  } as unknown as World;
  const identity = {
    rootUrl: 'https://tc.example.com',
    workerPoolId: 'a/b',
    workerGroup: 'g',
    workerId: 'i',
  };
  const identified = { identity, location: {}, metadata: {} };
  const registered: Registered = {
    credentials: { clientId: 'w', accessToken: 'token-1' },
    credentialsExpireAt: new Date(clock.now() + HOUR),
    registrationSecret: 'secret-1',
    providerConfig: {},
  };
  const state: KeptState = {
    phase: 'ready',
    provider: 'aws',
    instance: 'i-1',
    identified,
    registered,
    secrets: [],
  };
  const worker = createWorker({
    implementation: 'generic-worker',
    path: '/worker',
    configPath: '/worker.json',
  });
  if (worker.launch.kind !== 'command') throw new Error('it is a command');
  const interruptions = {
    allStanding: () => [],
    seen: [],
    onNotice: () => undefined,
  } as unknown as Interruptions;
  const saved: string[] = [];
  const result = work(
    {
      worker,
      launch: worker.launch,
      account: undefined,
      run: { identified, registered, sources: [] },
      resumed: false,
      state,
      store: {
        ...NO_STORE,
        save: kept => Promise.resolve(void saved.push(kept.registered.registrationSecret ?? '')),
      },
      interruptions,
      ending: {
        shutdownAsked: () => undefined,
        timeLeft: createTimeLeft(LIFECYCLE, interruptions, world),
      },
      claim: { addWorker: () => Promise.resolve() },
      lifecycle: LIFECYCLE,
      limits: { lineBytes: 1024, messageBytes: 4096, fileEntries: 1, fileSizeBytes: 1, filesTotalBytes: 1 },
      renewal: { beforeMs: HOUR / 2, giveUpMs: 60_000 },
    },
    world,
  );
  return {
    clock,
    log,
    done,
    result,
    saved,
    signal: () => source.emit('SIGTERM'),
    throwIntoTheVoid: () => fault.abort(new Error('thrown into the void')),
    exit: () => {
      exit.resolve({ code: 3, signal: undefined });
      for (const stream of [stdout, stderr]) stream.end();
    },
    renew: () =>
      renewal.resolve({
        credentials: { clientId: 'w', accessToken: 'token-2' },
        expiresAt: new Date(clock.now() + HOUR),
        secret: 'secret-2',
      }),
  };
}

void test('a worker that SIGKILL does not end is left behind when the time of the run is over', async () => {
  const { clock, done, log, result, signal } = working();
  await clock.pass(1_000);
  signal();
  await clock.pass(323_000);
  assert.deepEqual(done, ['started']);
  await clock.pass(2_000);
  assert.deepEqual(await result, {
    kind: 'worker',
    exit: { code: undefined, signal: 'SIGKILL' },
    reported: false,
  });
  assert.deepEqual(done, ['started', 'left']);
  assert.deepEqual(
    log.entries.filter(({ severity }) => severity === 'error').map(({ message }) => message),
    ['the worker (pid 77) does not end, although it was to be killed: it is left behind'],
  );
});

void test('nor does it keep a run from its end that a fault of ours has ended', async () => {
  const { clock, done, result, throwIntoTheVoid } = working();
  await clock.pass(1_000);
  throwIntoTheVoid();
  await clock.pass(LIFECYCLE.killAfterMs + 4_000);
  assert.deepEqual(done, ['started']);
  await clock.pass(2_000 + LIFECYCLE.drainTimeoutMs);
  assert.deepEqual((await result).exit, { code: undefined, signal: 'SIGKILL' });
  assert.deepEqual(done, ['started', 'left']);
});

void test('a signal that comes when the worker has ended gives up no renewal that has begun', async () => {
  const { clock, done, exit, renew, result, saved, signal } = working();
  await clock.pass(HOUR / 2);
  assert.deepEqual(done, ['started', 'renewal']);
  exit();
  await clock.pass(1);
  signal();
  await clock.pass(1_000);
  renew();
  const { exit: ended } = await result;
  assert.equal(ended.code, 3);
  assert.deepEqual(saved, ['secret-2']);
});

void test('another signal gives it up', async () => {
  const { clock, exit, log, result, saved, signal } = working();
  await clock.pass(HOUR / 2);
  exit();
  await clock.pass(1);
  signal();
  signal();
  await result;
  assert.deepEqual(saved, []);
  assert.match(log.inOrder.join('\n'), /being renewed as the worker ended: the run ends/);
});

void test('a signal in the last moment before its process starts ends the boot', async () => {
  const { done, result } = working({ starting: source => void source.emit('SIGTERM') });
  await assert.rejects(result, /SIGTERM came before the worker was started/);
  assert.deepEqual(done, []);
});
