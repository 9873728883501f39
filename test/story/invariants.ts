/** What must hold in every story, however it goes. Each is looked at when what it speaks of happens. */
import { constants } from 'node:os';
import type { RunnerConfig } from '../../src/config/runner-config.ts';
import type { Life, Stage } from './life.ts';
import { CONFIG_PATH, generationIn, type Machine } from './machine.ts';
import { keptGeneration, POOL_FILE, SECRET_FILE, type Service } from './service.ts';
import type { Heard, SimulatedWorker } from './worker.ts';

/** From the signal to the end of the run, beyond the times that the user gave. */
const END_AFTER_SIGNAL_MS = 15_000;
/** From the end of the worker to the end of the run, without a signal. */
const END_AFTER_WORKER_MS = 10 * 60_000;
/** From the beginning of a life to a worker or to the end. */
const BOOT_MS = 60 * 60_000;
/** Not all that a clock may do to a lease is the runner's to mend. */
const TRUSTED_SKEW_MS = 45_000;

export interface Invariants {
  readonly lifeBegins: () => void;
  /** After each change of the disk. */
  readonly diskChanged: () => void;
  readonly workerStarts: (life: Life, resumed: boolean) => void;
  readonly workerHears: (message: Heard, worker: SimulatedWorker, life: Life) => void;
  readonly timePassed: (life: Life) => void;
  readonly lifeEnded: (life: Life, result: number) => void;
}

/** What was told to one worker process. */
interface Told {
  graceful: number;
  renewals: number;
  /** Of the credentials that it holds. */
  generation: number;
  /** Whether anybody asked it to end or gave it new credentials since it holds these. */
  warned: boolean;
  readonly sinceMs: number;
  readonly announcedBefore: number;
}

export function createInvariants(
  { story, time, witness }: Stage,
  machine: Machine,
  service: Service,
  config: RunnerConfig,
): Invariants {
  const { violate } = witness;
  const keeps = story.cache && story.provider !== 'static';
  const told = new Map<number, Told>();
  let clockTrouble = false;
  let lastGapMs = time.truth() - time.elapsed();
  let workerEndedMs: number | undefined;
  let started = false;

  function diskChanged(): void {
    if (!story.cache || story.oldService || story.provider !== 'cloud') return;
    const kept = keptGeneration(machine);
    if (kept < machine.kept && !machine.removalAccepted) {
      violate(
        'a registration’s secret is never lost',
        `a power cut may leave ${kept} after ${machine.kept} was kept`,
      );
    }
    machine.kept = Math.max(machine.kept, kept);
  }

  function checkConfig(life: Life): void {
    const text = machine.disk.read(CONFIG_PATH)?.text ?? '{}';
    const { order, workerId } = JSON.parse(text) as { order?: unknown; workerId?: string };
    const expected = story.provider === 'standalone' ? 'runner,secret' : 'runner,provider,secret';
    if (String(order) !== expected) violate('each source is merged once, in its order', String(order));
    if (workerId !== machine.workerId) {
      if (life.facts.certain) violate('a worker is the one of its machine', workerId ?? 'nobody');
      else witness.met('a cache is trusted where nobody says whose it is');
    }
    if (machine.disk.read(CONFIG_PATH)?.open !== false)
      violate('the worker’s config is private', CONFIG_PATH);
    const files = story.provider === 'standalone' ? [SECRET_FILE] : [POOL_FILE, SECRET_FILE];
    for (const path of files) {
      if (machine.disk.read(path) === undefined) violate('no worker without its files', path);
    }
  }

  function workerStarts(life: Life, resumed: boolean): void {
    started = true;
    checkConfig(life);
    // A copy of another machine's disk, and the cloud did not say so in time.
    if (story.provider === 'cloud' && !life.facts.certain) return;
    for (const other of machine.workers) {
      // One whose runner was killed before it could record it cannot be found.
      if (!other.alive()) continue;
      if (machine.recorded.includes(`"pid":${other.pid},`)) {
        violate('one worker at a time', `worker ${other.pid} still runs`);
      } else witness.met('a worker was not recorded');
    }
    if (machine.removalAccepted) witness.met('a worker starts after a removal');
    if (story.provider === 'standalone') return;
    const generation = generationIn(machine.disk.read(CONFIG_PATH)?.text, machine.workerId, 'token');
    const kept = keptGeneration(machine);
    // Where the disk does not take what is synced, a later start can do no better than to trust what it reads.
    const takes = !story.faults.includes('disk error');
    if (keeps && takes && !story.oldService && kept < generation) {
      violate('what a worker holds is kept', `it starts with ${generation}, and ${kept} is kept`);
    }
    if (generation < machine.kept || generation < life.facts.received) {
      violate('a worker holds no older credentials than the disk', `${generation} at the start`);
    }
    const expiresMs = service.expiryOf(machine.workerId, generation);
    lookAtClock();
    // A machine that is suspended between look and start is told by the first renewal.
    if (resumed && !clockTrouble && expiresMs <= Math.min(time.truth(), time.wall())) {
      violate('no worker is started with dead credentials', new Date(expiresMs).toISOString());
    }
  }

  function workerHears(message: Heard, worker: SimulatedWorker, life: Life): void {
    const state = told.get(worker.pid) ?? {
      graceful: 0,
      renewals: 0,
      generation: generationIn(machine.disk.read(CONFIG_PATH)?.text, machine.workerId, 'token'),
      warned: false,
      sinceMs: time.elapsed(),
      announcedBefore: machine.announced - machine.notices.length,
    };
    told.set(worker.pid, state);
    if (message.type === 'new-credentials') hearsCredentials(message, state);
    if (message.type === 'graceful-termination') hearsTermination(message, state, worker, life);
  }

  function hearsCredentials(message: Heard, state: Told): void {
    witness.met('new credentials reach the worker');
    const generation = generationIn(String(message['access-token']), machine.workerId, 'token');
    // After a removal there is nothing to go on with.
    if (keeps && !machine.removalAccepted && keptGeneration(machine) < generation) {
      violate('a new secret is kept before the worker hears of it', `generation ${generation}`);
    }
    if (generation < machine.kept || generation <= state.generation) {
      violate('a worker holds no older credentials than the disk', `${generation} is sent`);
    }
    state.generation = generation;
    state.renewals += 1;
    state.warned = false;
  }

  function hearsTermination(message: Heard, state: Told, worker: SimulatedWorker, life: Life): void {
    state.graceful += 1;
    state.warned = true;
    const announced = machine.announced - state.announcedBefore;
    const signals = life.facts.signalledMs === undefined ? 0 : 1;
    const generations = service.generationOf(machine.workerId) - state.generation;
    const renewals = worker.said('new-credentials') ? 0 : generations;
    const endsMs = service.expiryOf(machine.workerId, state.generation);
    const leftMs = endsMs - Math.max(time.truth(), time.wall());
    const { giveUpMs } = config.renewal;
    const isLast = clockTrouble || leftMs <= giveUpMs + 60_000 ? 1 : 0;
    const renewed = generations > 0 && !worker.said('new-credentials');
    const isRenewals =
      message['finish-tasks'] === false && signals + announced === 0 && state.generation >= 0;
    if (isRenewals && !renewed && isLast === 0) {
      violate(
        'a worker that may still be renewed is left to work',
        `${Math.round(leftMs / 1000)} s are left`,
      );
    } else if (isRenewals) witness.met('a worker that cannot be renewed is told in time');
    if (state.graceful > announced + signals + renewals + isLast) {
      violate('one message a notice', `${state.graceful} graceful-terminations`);
    }
  }

  /** Whoever can be told, is told before its credentials end. */
  function checkLeases(life: Life): void {
    if (clockTrouble || story.provider === 'standalone') return;
    for (const worker of machine.workers) {
      const state = told.get(worker.pid);
      if (state === undefined || state.warned || !worker.alive() || !worker.said('graceful-termination'))
        continue;
      const lateMs = time.truth() - service.expiryOf(machine.workerId, state.generation);
      if (lateMs < 1000 || time.elapsed() - Math.max(state.sinceMs, life.beganMs) < 120_000) continue;
      violate('never dead credentials', `worker ${worker.pid} was not told that they have ended`);
    }
  }

  function lookAtClock(): void {
    const gapMs = time.truth() - time.elapsed();
    const skewMs = Math.abs(time.wall() - time.truth());
    if (gapMs !== lastGapMs || skewMs > TRUSTED_SKEW_MS) clockTrouble = true;
    lastGapMs = gapMs;
  }

  function timePassed(life: Life): void {
    lookAtClock();
    if (!life.alive()) return;
    const nowMs = time.elapsed();
    const { signalledMs, workerExit } = life.facts;
    const { gracePeriodMs, killAfterMs } = config.lifecycle;
    if (
      signalledMs !== undefined &&
      nowMs - signalledMs > gracePeriodMs + killAfterMs + END_AFTER_SIGNAL_MS
    ) {
      violate('a run ends in bounded time', `${nowMs - signalledMs} ms after the signal`);
    }
    if (workerExit === undefined) workerEndedMs = undefined;
    else {
      workerEndedMs ??= nowMs;
      if (nowMs - workerEndedMs > END_AFTER_WORKER_MS) {
        violate('a run ends in bounded time', `${nowMs - workerEndedMs} ms after its worker`);
      }
    }
    if (!started && nowMs - life.beganMs > BOOT_MS)
      violate('a boot ends in bounded time', `${nowMs - life.beganMs} ms`);
    checkLeases(life);
  }

  return {
    lifeBegins() {
      started = false;
      workerEndedMs = undefined;
      lastGapMs = time.truth() - time.elapsed();
      clockTrouble = false;
    },
    diskChanged,
    workerStarts,
    workerHears,
    timePassed,
    lifeEnded(life, result) {
      checkFate(life, result);
    },
  };

  /** A cloud's machine ends removed, halted, or kept by a rule of the table; and none that a rule keeps is taken. */
  function checkFate({ facts }: Life, result: number): void {
    if (facts.workerExit !== undefined && !facts.faulted) {
      const { code, signal } = facts.workerExit;
      const honest = code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
      if (result !== honest) violate('the exit code is honest', `${result} instead of ${honest}`);
    }
    if (story.provider !== 'cloud') {
      if (machine.haltAsked) violate('nobody’s own machine is halted', `exit code ${result}`);
      return;
    }
    const { workerExit } = facts;
    const signalled = facts.signalledMs !== undefined;
    const keptBySignal = signalled && story.onSignal === 'keep';
    const keptByCode = workerExit?.code === 67;
    const keptByFailure = workerExit === undefined && story.onFailure === 'keep';
    const rule = keptBySignal || keptByCode || keptByFailure || (facts.faulted && story.onFailure === 'keep');
    const isTaken = machine.removalAccepted || machine.haltAsked || machine.gone !== undefined;
    const busy = result === 114;
    if (!isTaken && !rule && !busy && story.mayHalt && facts.certain && !facts.haltFailed) {
      violate('no cloud machine is forgotten', `exit code ${result}`);
    }
    if (isTaken && keptByCode && !facts.faulted && facts.removalsReceived > 0 && !facts.shutdownAsked) {
      violate('a machine that a rule keeps is not removed', `exit code ${result}`);
    }
    if (isTaken) witness.met(machine.removalAccepted ? 'a machine is removed' : 'a machine is halted');
    if (!isTaken && keptBySignal) witness.met('a machine is kept by a signal');
    if (!isTaken && keptByCode) witness.met('a machine is kept by exit code 67');
    if (!isTaken && keptByFailure && !signalled) witness.met('a machine is kept by onFailure');
  }
}
