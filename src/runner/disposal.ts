/**
 * Does what the end of a run means: tells the worker pool, removes the worker, halts the host. What it means, says
 * ends.ts.
 */
import type { LifecycleSettings } from '../config/runner-config.ts';
import { messageOf, RunnerError } from '../errors.ts';
import type { WorkerIdentity } from '../model.ts';
import type { Provider } from '../providers/provider.ts';
import type { StateStore } from '../state/state.ts';
import { durationWords } from '../words.ts';
import { acknowledgeNotices } from './acknowledge.ts';
import { isUrgent, planOf, type EndPlan, type RunEnd } from './ends.ts';
import { failureLines, logFailure } from './failure.ts';
import type { Interruptions } from './interruptions.ts';
import { reportToPool } from './pool-report.ts';
import type { TimeLeft } from './time-left.ts';
import type { World } from './world.ts';

/** How long removeWorker is tried; then the machine ends itself. One try that hangs must not take most of it. */
const REMOVE_MS = 60_000;
const REMOVE_TRY_MS = 15_000;

/** What three tries of the command that halts take at most. */
const HALT_MS = 120_000;

/** How long the worker pool is told: a machine that is to go does not wait longer than this. */
const REPORT_MS = 10_000;

/** How long a worker may go on after its machine's removal was accepted; then the machine ends itself. */
const STILL_RUNNING_MS = 5 * 60_000;

/** What the end of a run has to do with. */
export interface Estate {
  readonly provider: Provider;
  readonly interruptions: Interruptions;
  readonly lifecycle: LifecycleSettings;
  readonly timeLeft: TimeLeft;
  readonly dummy: boolean;
  /**
   * The worker as worker-manager knows it; undefined where it does not, or once `confirmHost` has found it to be
   * another's.
   */
  readonly registered: () => WorkerIdentity | undefined;
  readonly store: Pick<StateStore, 'forget'>;
  /**
   * Asks once more, for 2 s at most, whose machine this is, where nobody has said so. Rejects with the signal's reason.
   */
  confirmHost(signal: AbortSignal): Promise<void>;
}

export interface Disposal {
  /** Obeys the worker's `shutdown` as ends.ts wants it, while the worker goes on. Never rejects. */
  obeyShutdown(machine: 'remove' | 'halt'): Promise<void>;
  /** Resolves once all that the end of the run asks for was done, or has failed, or a signal has ended it. */
  settle(end: RunEnd): Promise<void>;
}

export function createDisposal(estate: Estate, world: World): Disposal {
  const { clock, fault, log, signals } = world;
  const { provider, interruptions, lifecycle, timeLeft } = estate;
  /** Fires where the end of the run keeps the machine: what the worker's `shutdown` began is given up. */
  const kept = new AbortController();
  /** Fires where a signal wants the machine kept: the first one, or one that comes after the run was asked to end. */
  const wanted = new AbortController();
  const unwanted = lifecycle.onSignal === 'keep' ? signals.asked : wanted.signal;
  const stop = AbortSignal.any([unwanted, kept.signal, timeLeft.over]);
  const runEnded = new AbortController();
  const removal = createRemoval(estate, world, stop);
  /** Whether the end of the machine was asked for. */
  let halting: Promise<boolean> | undefined;
  let shutdownAsked = false;

  function planNow(end: RunEnd): EndPlan {
    return planOf(end, {
      host: provider.host(),
      dummy: estate.dummy,
      registered: estate.registered() !== undefined,
      signalled: signals.asked.aborted,
      notices: interruptions.allStanding().map(({ notice }) => notice),
      nowMs: clock.now(),
      shutdownAsked,
      lifecycle,
    });
  }

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
    const goes = machine === 'halt' ? 'halted' : 'removed';
    const choice = lifecycle.onSignal === 'keep' ? 'keeps it' : 'ends the waiting';
    log.warn(`this machine is ${goes} in ${durationWords(delayMs)}: ${because}; SIGTERM or SIGINT ${choice}`);
    const untilMs = clock.now() + delayMs;
    const enough = new AbortController();
    // A cloud that takes the machine away does not wait either, and after a fault of ours nobody may be left to wait.
    interruptions.onNotice(notice => {
      if (isUrgent(notice, untilMs)) enough.abort();
    });
    // One that has ended the run is what the delay is for.
    if (!fault.aborted) fault.addEventListener('abort', () => enough.abort(), { once: true });
    signals.asked.addEventListener('abort', () => enough.abort(), { once: true });
    await clock.sleep(delayMs, AbortSignal.any([stop, enough.signal])).catch(() => stop.throwIfAborted());
  }

  async function takeFromWorker(machine: 'remove' | 'halt'): Promise<void> {
    await estate.confirmHost(stop);
    await take(machine, 'the worker asked for it');
    if (halting !== undefined) return;
    await clock.sleep(STILL_RUNNING_MS, AbortSignal.any([stop, runEnded.signal]));
    log.warn(`the worker still runs ${durationWords(STILL_RUNNING_MS)} after the removal was accepted`);
    await halt();
  }

  async function tellPool(end: RunEnd, plan: EndPlan): Promise<void> {
    const registered = estate.registered();
    if (!plan.report || registered === undefined) return;
    await reportToPool(end, registered, timeLeft.for('reports', REPORT_MS), world, signals.asked);
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
      if (taken || goes) await acknowledgeNotices(interruptions, world, timeLeft.over);
    } catch (error) {
      if (!stop.aborted) throw error;
      log.info(`${messageOf(stop.reason)}: this machine is kept as it is${removal.shadow()}`);
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
      signals.onSignal((signal, count) => {
        if (count > 1) wanted.abort(new Error(signal));
      });
      if (planNow(end).machine !== 'keep') await estate.confirmHost(stop).catch(() => undefined);
      const plan = planNow(end);
      const { machine } = plan;
      await (machine === 'keep' ? keepIt(end, plan) : takeIt(end, plan, machine));
    },
  };
}

interface Removal {
  /** Whether worker-manager takes the machine away. It is asked once in a run. Rejects with the reason of `stop`. */
  ask(because: string): Promise<boolean>;
  /** What is to be added where the machine is said to be kept: it may be taken away all the same. */
  shadow(): string;
}

function createRemoval({ registered, store, timeLeft }: Estate, world: World, stop: AbortSignal): Removal {
  const { log, services } = world;
  let answer: Promise<boolean> | undefined;
  let state: 'asked for' | 'accepted' | undefined;

  async function ask(because: string): Promise<boolean> {
    const identity = registered();
    if (identity === undefined) return false;
    stop.throwIfAborted();
    log.info(`removing this machine: ${because}`);
    state = 'asked for';
    const done = new AbortController();
    const cut = AbortSignal.any([stop, timeLeft.cut('removal', REMOVE_MS, done.signal)]);
    try {
      const taskcluster = await services.taskcluster(identity.rootUrl);
      await taskcluster.removeWorker(identity, cut, {
        retryForMs: timeLeft.for('removal', REMOVE_MS),
        attemptTimeoutMs: REMOVE_TRY_MS,
      });
    } catch (error) {
      stop.throwIfAborted();
      state = undefined;
      const [what = '', ...more] = error instanceof RunnerError ? failureLines(error) : [messageOf(error)];
      log.error(`this machine was not removed: ${what}`);
      for (const line of more) log.error(line);
      return false;
    } finally {
      done.abort();
    }
    state = 'accepted';
    log.info('removeWorker was accepted: worker-manager takes this machine away');
    await store.forget();
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
  const { log, clock, env, system } = world;
  const { lifecycle, timeLeft } = estate;
  const command = lifecycle.shutdownCommand;
  await estate.confirmHost(stop);
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
    const withinMs = timeLeft.for('halt', HALT_MS);
    const { over } = timeLeft;
    await system.halt({ command, env, clock, withinMs, over, tell: line => log.info(line) }, stop);
    return true;
  } catch (error) {
    stop.throwIfAborted();
    logFailure(error, log);
    return false;
  }
}
