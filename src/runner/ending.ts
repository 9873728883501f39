/** The end of a run, whatever brought it: it is told, the machine is disposed of, and there is an exit code. */
import type { RunnerConfig } from '../config/runner-config.ts';
import type { WorkerIdentity } from '../model.ts';
import type { Provider } from '../providers/provider.ts';
import { unlessAborted } from '../unless-aborted.ts';
import type { Disposal } from './disposal.ts';
import { planOfShutdown, type RunEnd } from './ends.ts';
import { exitCodeOf } from './exit.ts';
import { exitCodeOfFailure, logFailure } from './failure.ts';
import type { Interruptions } from './interruptions.ts';
import type { World } from './world.ts';

export interface EndingRequest {
  readonly config: RunnerConfig;
  readonly provider: Provider;
  readonly interruptions: Interruptions;
}

export interface Ending {
  /** Tells that worker-manager knows this machine as its worker from now on. */
  registeredAs(identity: WorkerIdentity): void;
  /** Obeys the worker's `shutdown`, behind its back; what comes of it is in the log. */
  shutdownAsked(): void;
  /**
   * Lives a story and sees to its end. Everything that the story began ends with it.
   * @returns the exit code: the worker's own, that of the failure, or 128 + n after a signal
   */
  of(story: (world: World) => Promise<RunEnd>): Promise<number>;
}

export function createEnding(request: EndingRequest, world: World): Ending {
  const { fault, log, signals } = world;
  const { config, provider, interruptions } = request;
  let registered: WorkerIdentity | undefined;
  let disposal: Promise<Disposal> | undefined;

  /** Made when it is first needed: after registration, or where there was none. */
  function dispose(): Promise<Disposal> {
    disposal ??= import('./disposal.ts').then(({ createDisposal }) => {
      const dummy = config.worker.implementation === 'dummy';
      const { lifecycle } = config;
      return createDisposal({ provider, interruptions, lifecycle, dummy, registered }, world);
    });
    return disposal;
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

  async function settle(end: RunEnd): Promise<void> {
    await (await dispose()).settle(end);
  }

  return {
    registeredAs(identity) {
      registered = identity;
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
      // One that ended the story was told with its end; one that comes now is told, and the machine is seen to all the same.
      const later = fault.aborted ? new AbortController().signal : fault;
      later.addEventListener('abort', () => logFailure(later.reason, log), { once: true });
      try {
        await settle(end);
      } catch (error) {
        logFailure(error, log);
        return exitCodeOfFailure(error);
      }
      return later.aborted ? exitCodeOfFailure(later.reason) : exitCodeOfEnd(end);
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
