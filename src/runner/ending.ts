/** The end of a run, whatever brought it: it is told, the machine is disposed of, and there is an exit code. */
import type { RunnerConfig } from '../config/runner-config.ts';
import type { WorkerIdentity } from '../model.ts';
import type { Provider } from '../providers/provider.ts';
import type { StateStore } from '../state/state.ts';
import { unlessAborted } from '../unless-aborted.ts';
import type { Disposal } from './disposal.ts';
import { planOfShutdown, type RunEnd } from './ends.ts';
import { exitCodeOf } from './exit.ts';
import { exitCodeOfFailure, logFailure } from './failure.ts';
import type { Interruptions } from './interruptions.ts';
import { createTimeLeft, type TimeLeft } from './time-left.ts';
import { recognizeInTime } from './recall.ts';
import { reasonOf } from './summary.ts';
import type { World } from './world.ts';

export interface EndingRequest {
  readonly config: RunnerConfig;
  readonly provider: Provider;
  readonly interruptions: Interruptions;
  readonly store: StateStore;
}

export interface Ending {
  readonly timeLeft: TimeLeft;
  /**
   * Tells that worker-manager knows this machine as its worker from now on.
   * @param unsure the instance of an earlier start that this machine is taken for, although nobody has said so
   */
  registeredAs(identity: WorkerIdentity, unsure?: string): void;
  /** Obeys the worker's `shutdown`, behind its back; what comes of it is in the log. */
  shutdownAsked(): void;
  /**
   * Lives a story and sees to its end. Everything that the story began ends with it.
   * @returns the exit code: the worker's own, that of the failure, or 128 + n after a signal
   */
  of(story: (world: World) => Promise<RunEnd>): Promise<number>;
}

export function createEnding(request: EndingRequest, world: World): Ending {
  const { fault, log, redactor, signals } = world;
  const { config, provider, interruptions, store } = request;
  const timeLeft = createTimeLeft(config.lifecycle, interruptions, world);
  let registered: WorkerIdentity | undefined;
  let unsureInstance: string | undefined;
  let disposal: Promise<Disposal> | undefined;

  /** Made when it is first needed: after registration, or where there was none. */
  function dispose(): Promise<Disposal> {
    disposal ??= import('./disposal.ts').then(({ createDisposal }) => {
      const dummy = config.worker.implementation === 'dummy';
      const { lifecycle } = config;
      const estate = { provider, interruptions, lifecycle, timeLeft, dummy, store, confirmHost };
      return createDisposal({ ...estate, registered: () => registered }, world);
    });
    return disposal;
  }

  async function confirmHost(signal: AbortSignal): Promise<void> {
    const host = provider.host();
    if (unsureInstance === undefined || host.kind === 'owned' || host.mayHalt) return;
    const instance = unsureInstance;
    const answer = await recognizeInTime(provider, instance, world, signal);
    // Two may have asked at once: of a removal and the end of the run.
    if (answer !== 'another' || registered === undefined) return;
    // A copied disk: the worker that it names is another machine's, and not ours to remove.
    registered = undefined;
    unsureInstance = undefined;
    await store.disown(instance);
  }

  async function endOf(story: (world: World) => Promise<RunEnd>): Promise<RunEnd> {
    const over = new AbortController();
    // Of two calls at once one may fail, and a fault of ours ends no call by itself: neither goes on behind the end.
    const boot = AbortSignal.any([signals.boot, fault, over.signal]);
    try {
      return await unlessAborted(story({ ...world, signals: { ...signals, boot } }), fault);
    } catch (error) {
      logFailure(error, log);
      return { kind: 'failure', error };
    } finally {
      over.abort(new Error('the run has ended'));
    }
  }

  /** @returns the failure that it ended with instead, if it did */
  async function settled(end: RunEnd): Promise<RunEnd | undefined> {
    try {
      await (await dispose()).settle(end);
      return undefined;
    } catch (error) {
      logFailure(error, log);
      return { kind: 'failure', error };
    } finally {
      timeLeft.close();
    }
  }

  return {
    timeLeft,
    registeredAs(identity, unsure) {
      registered = identity;
      unsureInstance = unsure;
    },
    shutdownAsked() {
      const wish = 'the worker asks for this machine to be ended';
      const machine = planOfShutdown(provider.host(), config.lifecycle);
      if (machine === 'keep') {
        // Offered all the same: a worker that is not offered it halts the host by itself (facts §3.5).
        log.info(`${wish}: ${provider.name} machines are left running`);
        return;
      }
      log.info(wish);
      void dispose().then(made => made.obeyShutdown(machine));
    },
    async of(story) {
      const end = await endOf(story);
      world.tell({ kind: 'phase', phase: 'ending' });
      // One that ended the story was told with its end; one that comes now is told, and the machine is seen to all the
      // same.
      const later = fault.aborted ? new AbortController().signal : fault;
      later.addEventListener('abort', () => logFailure(later.reason, log), { once: true });
      const last = (await settled(end)) ?? (later.aborted ? { kind: 'failure', error: later.reason } : end);
      const exitCode = exitCodeOfEnd(last);
      world.tell({ kind: 'ended', exitCode, because: redactor.redact(reasonOf(last, signals.asked)) });
      return exitCode;
    },
  };
}

function exitCodeOfEnd(end: RunEnd): number {
  switch (end.kind) {
    case 'shown':
      return 0;
    case 'worker':
      return exitCodeOf(end.exit);
    case 'failure':
      return exitCodeOfFailure(end.error);
  }
}
