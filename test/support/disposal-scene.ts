/** The end of a cloud's run against a simulated worker-manager, with a clock of the test for what takes minutes. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { systemClock, type Clock } from '../../src/clock.ts';
import { createRedactor } from '../../src/logging/create-redactor.ts';
import type { LifecycleSettings } from '../../src/config/runner-config.ts';
import type { Notice } from '../../src/model.ts';
import type { Host } from '../../src/providers/provider.ts';
import { createDisposal, type Disposal, type Estate } from '../../src/runner/disposal.ts';
import { watchInterruptions } from '../../src/runner/interruptions.ts';
import { createServices } from '../../src/runner/services.ts';
import { realSystem } from '../../src/runner/system.ts';
import type { Signals } from '../../src/runner/signals.ts';
import { createTimeLeft } from '../../src/runner/time-left.ts';
import type { World } from '../../src/runner/world.ts';
import type { Simulator } from '../../src/simulator/index.ts';
import type { StateStore } from '../../src/state/state.ts';
import { unlessAborted } from '../../src/unless-aborted.ts';
import { createMemoryLog, type MemoryLog } from './memory-log.ts';
import { writeScript } from './runner-config.ts';
import { register, simulate, WORKER } from './simulator.ts';
import { temporaryFolder } from './temp.ts';

/** Keeps nothing. */
export const NO_STORE: StateStore = {
  load: () => Promise.resolve(undefined),
  save: () => Promise.resolve(),
  forget: () => Promise.resolve(),
  disown: () => Promise.resolve(),
};

export const CLOUD: Host = { kind: 'provisioned', mayHalt: true };

/** What takes as long as this takes the test's time. */
const MINUTES = 120_000;

/** Sleeps of minutes last until the test ends them; shorter ones last as long as they do. */
function createHeldClock() {
  const waits = new Map<
    number,
    { readonly begun: PromiseWithResolvers<undefined>; readonly over: PromiseWithResolvers<undefined> }
  >();
  function waitOf(ms: number) {
    const known = waits.get(ms) ?? {
      begun: Promise.withResolvers<undefined>(),
      over: Promise.withResolvers<undefined>(),
    };
    waits.set(ms, known);
    return known;
  }
  const clock: Clock = {
    ...systemClock,
    async sleep(ms, signal) {
      if (ms < MINUTES) return systemClock.sleep(ms, signal);
      const { begun, over } = waitOf(ms);
      begun.resolve(undefined);
      await unlessAborted(over.promise, signal);
    },
  };
  return {
    clock,
    begun: (ms: number) => waitOf(ms).begun.promise,
    end: (ms: number) => waitOf(ms).over.resolve(undefined),
  };
}

export interface Scene {
  readonly simulator: Simulator;
  readonly log: MemoryLog;
  readonly estate: Estate;
  readonly world: World;
  readonly disposal: Disposal;
  readonly time: ReturnType<typeof createHeldClock>;
  /** What the shutdown command was called with, a line a call. */
  readonly halts: () => Promise<readonly string[]>;
  readonly removals: () => readonly (number | undefined)[];
  readonly signal: () => void;
  /** Something is thrown where nobody can catch it. */
  readonly fault: () => void;
  readonly folder: string;
  readonly announce: (notice: Notice) => void;
}

export interface SceneOptions {
  readonly host?: Host;
  readonly registered?: boolean;
  readonly faults?: NonNullable<Parameters<typeof simulate>[1]>['faults'];
  /** What the shutdown command does besides. */
  readonly halting?: string;
  readonly lifecycle?: Partial<LifecycleSettings>;
}

export async function scene(t: TestContext, options: SceneOptions = {}): Promise<Scene> {
  const { host = CLOUD, registered = true, faults = [], halting = '' } = options;
  const folder = await temporaryFolder(t);
  const halted = join(folder, 'halted');
  await writeScript(folder, 'halt-it', `echo "$@" >>'${halted}'; ${halting}`);
  const simulator = await simulate(t, { faults });
  const log = createMemoryLog();
  const redactor = createRedactor();
  const time = createHeldClock();
  const { clock } = time;
  const env = { PATH: `${folder}:${process.env.PATH ?? ''}` };
  const network = { retryForMs: 600_000, attemptTimeoutMs: 30_000 };
  const services = createServices({ env, clock, log, redactor, network });
  t.after(() => services.close());
  services.useCredentials((await register(simulator)).credentials);
  const asked = new AbortController();
  const noticed = Promise.withResolvers<Notice>();
  const interruptions = watchInterruptions(
    [
      {
        name: 'test',
        everyMs: 0,
        prompt: false,
        look: async signal => [await unlessAborted(noticed.promise, signal)],
      },
    ],
    { clock, log, tell: () => undefined },
  );
  t.after(() => interruptions.close());
  const { workerPoolId, workerGroup, workerId } = WORKER;
  const lifecycle: LifecycleSettings = {
    helloTimeoutMs: 1,
    drainTimeoutMs: 1,
    onExit: { codes: new Map([[67, 'keep']]), other: 'remove' },
    onFailure: { action: 'remove', delayMs: undefined },
    shutdownHost: true,
    shutdownCommand: ['halt-it', '-h', 'now'],
    onSignal: 'keep',
    finishTasks: true,
    gracePeriodMs: 300_000,
    killAfterMs: 10_000,
    ...options.lifecycle,
  };
  const fault = new AbortController();
  let signals = 0;
  let handler: Parameters<Signals['onSignal']>[0] | undefined;
  const world: World = {
    env,
    stdout: process.stdout,
    clock,
    log,
    redactor,
    services,
    system: realSystem,
    tell: () => undefined,
    fault: fault.signal,
    signals: {
      asked: asked.signal,
      boot: asked.signal,
      onSignal: newHandler => void (handler = newHandler),
      onHangup: () => undefined,
    },
  };
  const timeLeft = createTimeLeft(lifecycle, interruptions, world);
  t.after(() => timeLeft.close());
  const estate: Estate = {
    provider: {
      name: 'test',
      identify: () => Promise.reject(new Error('not asked')),
      recognize: () => Promise.resolve('unknown'),
      noticeSources: [],
      host: () => host,
      close: () => undefined,
    },
    interruptions,
    lifecycle,
    timeLeft,
    dummy: false,
    store: NO_STORE,
    confirmHost: () => Promise.resolve(),
    registered: () =>
      registered ? { rootUrl: simulator.rootUrl, workerPoolId, workerGroup, workerId } : undefined,
  };
  return {
    simulator,
    log,
    estate,
    world,
    disposal: createDisposal(estate, world),
    time,
    halts: async () => (existsSync(halted) ? (await readFile(halted, 'utf8')).trimEnd().split('\n') : []),
    removals: () =>
      simulator.requests.filter(({ call }) => call === 'removeWorker').map(({ status }) => status),
    signal() {
      signals += 1;
      asked.abort(new Error('SIGTERM'));
      handler?.('SIGTERM', signals);
    },
    fault: () => fault.abort(new TypeError('thrown into the void')),
    folder,
    announce: notice => noticed.resolve(notice),
  };
}
