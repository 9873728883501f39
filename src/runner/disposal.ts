/** Does what the end of a run means: tells the worker pool, removes the worker, halts the host. What it means, says ends.ts. */
import type { LifecycleSettings } from '../config/runner-config.ts';
import { messageOf, RunnerError } from '../errors.ts';
import type { WorkerIdentity } from '../model.ts';
import { haltHost } from '../platform/halt.ts';
import type { Provider } from '../providers/provider.ts';
import { durationWords } from '../words.ts';
import { acknowledgeNotices } from './acknowledge.ts';
import { isUrgent, planOf, type EndPlan, type RunEnd } from './ends.ts';
import { failureLines, logFailure } from './failure.ts';
import type { Interruptions } from './interruptions.ts';
import { reportToPool } from './pool-report.ts';
import type { World } from './world.ts';

/** How long removeWorker is tried; then the machine ends itself. One try that hangs must not take most of it. */
const REMOVE_MS = 60_000;
const REMOVE_TRY_MS = 15_000;

/** Where the cloud takes the machine away it is tried only as long as there is still this much time to halt, … */
const HALT_IN_TIME_MS = 5_000;
/** … but this long at least, … */
const REMOVE_AT_LEAST_MS = 5_000;
/** … and where the cloud names no deadline, it is this long after its notice (Google's preemption). */
const USUAL_NOTICE_MS = 30_000;

/** How long a worker may go on after its machine's removal was accepted; then the machine ends itself. */
const STILL_RUNNING_MS = 5 * 60_000;

/** What the end of a run has to do with. */
export interface Estate {
  readonly provider: Provider;
  readonly interruptions: Interruptions;
  readonly lifecycle: LifecycleSettings;
  readonly dummy: boolean;
  /** The worker as worker-manager knows it; undefined where it does not. */
  readonly registered: WorkerIdentity | undefined;
}

export interface Disposal {
  /** Obeys the worker's `shutdown` as ends.ts wants it, while the worker goes on. Never rejects. */
  obeyShutdown(machine: 'remove' | 'halt'): Promise<void>;
  /** Resolves once all that the end of the run asks for was done, or has failed, or a signal has ended it. */
  settle(end: RunEnd): Promise<void>;
}

export function createDisposal(estate: Estate, world: World): Disposal {
  const { clock, fault, log, signals } = world;
  const { provider, interruptions, lifecycle, registered } = estate;
  /** Fires where the end of the run keeps the machine: what the worker's `shutdown` began is given up. */
  const kept = new AbortController();
  const stop = AbortSignal.any([signals.asked, kept.signal]);
  const runEnded = new AbortController();
  const removal = createRemoval(registered, world, stop, () => removeForMs(interruptions, clock.now()));
  /** Whether the end of the machine was asked for. */
  let halting: Promise<boolean> | undefined;
  let shutdownAsked = false;

  function halt(): Promise<boolean> {
    halting ??= haltWhereWeMay(estate, world, stop);
    return halting;
  }

  /** @returns whether the machine goes */
  async function take(machine: 'remove' | 'halt', because: string): Promise<boolean> {
    if (machine === 'remove' && (await removal.ask(because))) return true;
    return halt();
  }

  async function wait({ machine, because, delayMs }: EndPlan): Promise<void> {
    if (delayMs === 0) return;
    log.warn(
      `this machine is ${machine === 'halt' ? 'halted' : 'removed'} in ${durationWords(delayMs)}: ${because}; SIGTERM or SIGINT keeps it`,
    );
    const untilMs = clock.now() + delayMs;
    const enough = new AbortController();
    // A cloud that takes the machine away does not wait either, and after a fault of ours nobody may be left to wait.
    interruptions.onNotice(notice => {
      if (isUrgent(notice, untilMs)) enough.abort();
    });
    // One that has ended the run is what the delay is for.
    if (!fault.aborted) fault.addEventListener('abort', () => enough.abort(), { once: true });
    await clock.sleep(delayMs, AbortSignal.any([stop, enough.signal])).catch(() => stop.throwIfAborted());
  }

  async function takeFromWorker(machine: 'remove' | 'halt'): Promise<void> {
    await take(machine, 'the worker asked for it');
    if (halting !== undefined) return;
    await clock.sleep(STILL_RUNNING_MS, AbortSignal.any([stop, runEnded.signal]));
    log.warn(`the worker still runs ${durationWords(STILL_RUNNING_MS)} after the removal was accepted`);
    await halt();
  }

  async function tellPool(end: RunEnd, plan: EndPlan): Promise<void> {
    if (plan.report && registered !== undefined) await reportToPool(end, registered, world, signals.asked);
  }

  async function keepIt(end: RunEnd, plan: EndPlan): Promise<void> {
    kept.abort(new Error(plan.because));
    // What the worker asked for may be past stopping; then a signal that asks us to end is the end of the machine.
    const halted = await (halting ?? Promise.resolve(false)).catch(() => false);
    if (halted) log.info(`${plan.because}, but this machine is being halted already`);
    else if (provider.host().kind === 'provisioned') {
      const line = `this machine is kept: ${plan.because}${removal.shadow()}`;
      if (end.kind === 'failure' && !signals.asked.aborted) log.warn(line);
      else log.info(line);
    }
    await tellPool(end, plan);
  }

  async function takeIt(end: RunEnd, plan: EndPlan, machine: 'remove' | 'halt'): Promise<void> {
    // The credentials of a worker that is removed may be refused: the report comes first where there is time.
    const told = tellPool(end, plan);
    try {
      if (!plan.hurry) await told;
      await wait(plan);
      const taken = await take(machine, plan.because);
      // One that the worker asked for may still be under way.
      const goes = (await halting) ?? taken;
      if (taken || goes) await acknowledgeNotices(interruptions, world);
    } catch (error) {
      if (!stop.aborted) throw error;
      log.info(`${messageOf(signals.asked.reason)}: this machine is kept as it is${removal.shadow()}`);
    } finally {
      await told;
    }
  }

  return {
    async obeyShutdown(machine) {
      shutdownAsked = true;
      try {
        await takeFromWorker(machine);
      } catch (error) {
        // Where the run has ended, or a signal came, the end of the run tells what becomes of the machine.
        if (!stop.aborted && !runEnded.signal.aborted) logFailure(error, log);
      }
    },
    async settle(end) {
      runEnded.abort();
      const plan = planOf(end, {
        host: provider.host(),
        dummy: estate.dummy,
        registered: registered !== undefined,
        signalled: signals.asked.aborted,
        notices: interruptions.allStanding().map(({ notice }) => notice),
        nowMs: clock.now(),
        shutdownAsked,
        lifecycle,
      });
      const { machine } = plan;
      await (machine === 'keep' ? keepIt(end, plan) : takeIt(end, plan, machine));
    },
  };
}

/** How long removeWorker may be tried now. */
function removeForMs(interruptions: Interruptions, nowMs: number): number {
  const ends = interruptions
    .allStanding()
    .filter(({ notice }) => !notice.finishTasks)
    .map(({ notice, seenAt }) => notice.deadline?.getTime() ?? seenAt.getTime() + USUAL_NOTICE_MS);
  const leftMs = Math.min(...ends) - nowMs - HALT_IN_TIME_MS;
  return Math.max(REMOVE_AT_LEAST_MS, Math.min(REMOVE_MS, leftMs));
}

interface Removal {
  /** Whether worker-manager takes the machine away. It is asked once in a run. Rejects with the reason of `stop`. */
  ask(because: string): Promise<boolean>;
  /** What is to be added where the machine is said to be kept: it may be taken away all the same. */
  shadow(): string;
}

function createRemoval(
  identity: WorkerIdentity | undefined,
  world: World,
  stop: AbortSignal,
  retryForMs: () => number,
): Removal {
  const { log, services } = world;
  let answer: Promise<boolean> | undefined;
  let state: 'asked for' | 'accepted' | undefined;

  async function ask(because: string): Promise<boolean> {
    if (identity === undefined) return false;
    stop.throwIfAborted();
    log.info(`removing this machine: ${because}`);
    state = 'asked for';
    try {
      const taskcluster = await services.taskcluster(identity.rootUrl);
      await taskcluster.removeWorker(identity, stop, {
        retryForMs: retryForMs(),
        attemptTimeoutMs: REMOVE_TRY_MS,
      });
    } catch (error) {
      stop.throwIfAborted();
      state = undefined;
      const [what = '', ...more] = error instanceof RunnerError ? failureLines(error) : [messageOf(error)];
      log.error(`this machine was not removed: ${what}`);
      for (const line of more) log.error(line);
      return false;
    }
    state = 'accepted';
    log.info('removeWorker was accepted: worker-manager takes this machine away');
    return true;
  }

  return {
    ask: because => (answer ??= ask(because)),
    // A request that we cut off may have arrived.
    shadow: () => (state === undefined ? '' : `; but its removal was ${state} before`),
  };
}

/** @returns whether the end of the machine was asked for. Rejects with the reason of `stop`. */
async function haltWhereWeMay(estate: Estate, world: World, stop: AbortSignal): Promise<boolean> {
  const { log, clock, env } = world;
  const command = estate.lifecycle.shutdownCommand;
  const host = estate.provider.host();
  stop.throwIfAborted();
  if (host.kind === 'provisioned' && !host.mayHalt) {
    log.warn(
      `this machine would now be halted with \`${command.join(' ')}\`, but ${host.because}: it is kept`,
    );
    return false;
  }
  log.warn(`halting this machine with \`${command.join(' ')}\``);
  try {
    await haltHost({ command, env, clock, tell: line => log.info(line) }, stop);
    return true;
  } catch (error) {
    stop.throwIfAborted();
    logFailure(error, log);
    return false;
  }
}
