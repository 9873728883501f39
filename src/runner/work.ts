/** Steps 6 and 7: start the worker, talk with it, and see it to its end. */
import { abortLater } from '../abort-later.ts';
import type { LifecycleSettings, LimitSettings, RenewalSettings } from '../config/runner-config.ts';
import type { Run } from '../model.ts';
import type { Connection } from '../protocol/connection.ts';
import type { ErrorReportMessage, ShutdownMessage } from '../protocol/messages.ts';
import type { KeptState, StateStore } from '../state/state.ts';
import type { ProcessExit, RunningProcess } from '../supervision/process.ts';
import { unlessAborted } from '../unless-aborted.ts';
import type { Launch, Worker } from '../workers/worker.ts';
import type { Claim } from './claim.ts';
import type { Ending } from './ending.ts';
import type { WorkerEnd } from './ends.ts';
import { createErrorReports } from './error-reports.ts';
import { describeExit } from './exit.ts';
import type { Interruptions } from './interruptions.ts';
import { startRenewal } from './renewal.ts';
import { startWorkerProcess } from './start-worker-process.ts';
import { endThenKill, endWorkerOnSignal } from './stop-worker.ts';
import { openTalk, type Talk } from './talk.ts';
import { createWorkTeller } from './tell-work.ts';
import { tellWorkerOfInterruptions } from './tell-worker.ts';
import type { WorkerAccount } from './worker-account.ts';
import type { World } from './world.ts';

/**
 * After worker and runner have greeted each other the runner has nothing to do for hours; then its boot's memory goes.
 */
const RELEASE_MEMORY_AFTER_MS = 1_000;

/** How long its output is read after a signal that comes when the worker has ended: it may have come to both at once. */
const LAST_WORDS_MS = 500;

/** How long the end of a run waits for error reports and a renewal that are still on their way, … */
const CALLS_AT_END_MS = 10_000;
/** … and where the cloud takes the machine away. */
const REPORTS_UNDER_NOTICE_MS = 2_000;

/** How soon a process is gone that SIGKILL can end. */
const ENDED_BY_KILL_MS = 5_000;

export interface WorkRequest {
  readonly worker: Worker;
  readonly launch: Extract<Launch, { kind: 'command' }>;
  /** As whom its process runs; undefined: as we do. */
  readonly account: WorkerAccount | undefined;
  readonly run: Run;
  /** Whether it goes on where an earlier start of this machine was. */
  readonly resumed: boolean;
  /** What is kept of the run; a renewal saves it anew. */
  readonly state: KeptState;
  readonly store: StateStore;
  readonly interruptions: Interruptions;
  readonly ending: Pick<Ending, 'shutdownAsked' | 'timeLeft'>;
  readonly claim: Pick<Claim, 'addWorker'>;
  readonly lifecycle: LifecycleSettings;
  readonly limits: LimitSettings;
  readonly renewal: RenewalSettings;
}

/**
 * Resolves with the end of the worker's own process, once what it wrote is in the log. Whoever else holds its
 * output by then is waited for no longer than lifecycle.drainTimeout.
 * @throws RunnerError `worker.*` where the program cannot be started; the reason of the boot's signal
 */
export async function work(request: WorkRequest, world: World): Promise<WorkerEnd> {
  const { fault, log, signals } = world;
  const { identity } = request.run.identified;
  const { interruptions, lifecycle } = request;
  const { timeLeft } = request.ending;
  signals.boot.throwIfAborted();
  const teller = createWorkTeller(world);
  const child = await startWorkerProcess(request, world);
  void request.claim.addWorker(child.pid);
  teller.started(child.pid);
  const reports = createErrorReports(identity, world);
  const ended = endSignalOf(child);
  const unkillable = new AbortController();
  /** At SIGTERM it may finish what it does, but not for ever. */
  function endNow(): void {
    endThenKill(child, lifecycle.killAfterMs, ended, world).then(
      () => abortLater(unkillable, ENDED_BY_KILL_MS, undefined, { clock: world.clock, done: ended }),
      () => undefined,
    );
  }

  function act(message: ShutdownMessage | ErrorReportMessage): void {
    switch (message.type) {
      case 'shutdown':
        request.ending.shutdownAsked();
        if (request.launch.waitsAfterShutdown === true) endNow();
        return;
      case 'error-report':
        reports.forward(message);
    }
  }

  const talk = openTalk(child, request, act, { ...world, tell: event => teller.tell(event) });
  const { connection } = talk;
  endWorkerOnSignal({ child, ended, connection, lifecycle }, world);
  // After a fault of ours nobody listens to it.
  if (fault.aborted) endNow();
  else fault.addEventListener('abort', endNow, { once: true });
  const tellNoMore = tellWorkerOfInterruptions(interruptions, connection, log);
  const renewal = startRenewal(request, connection, world);
  const atRest = releaseMemoryAtRest(connection, world);

  // With hello, or once it is waited for no longer.
  void connection.agreed('log').then(() => teller.greeted());

  const exit = await exitOf(child, AbortSignal.any([timeLeft.over, unkillable.signal]), world);
  teller.ended();
  tellNoMore();
  atRest.abort();
  const hurry = interruptions.allStanding().some(({ notice }) => !notice.finishTasks);
  const reportsMs = timeLeft.for('reports', hurry ? REPORTS_UNDER_NOTICE_MS : CALLS_AT_END_MS);
  // The machine may survive the notice (a reboot), and needs the secret that is on its way.
  const renewed = renewal.finish(timeLeft.for('reports', CALLS_AT_END_MS));
  const hurried = new AbortController();
  // After a fault of ours the disposal is under way already, and has taken them over.
  if (!fault.aborted)
    signals.onSignal(signal => {
      const butFor = hurried.signal.aborted ? '' : ', but for a renewal that has begun';
      log.info(`${signal}: the worker has ended; what is still on its way is given up${butFor}`);
      reports.giveUp();
      // It may have used the secret, and its answer alone brings the next one: it has its time, or until another signal.
      if (hurried.signal.aborted) renewal.giveUp();
      hurried.abort();
    });
  await hearOut(talk, timeLeft.for('drain', lifecycle.drainTimeoutMs), hurried.signal, world);
  logExit(exit, interruptions, world);
  await Promise.all([reports.finish(reportsMs), renewed]);
  return { kind: 'worker', exit, reported: reports.arrived > 0 };
}

function endSignalOf({ exited }: RunningProcess): AbortSignal {
  const ended = new AbortController();
  void exited.then(() => ended.abort(new Error('the worker has ended')));
  return ended.signal;
}

/** SIGKILL ends all but what hangs in the kernel, and what belongs to another user (sudo): that is left behind. */
async function exitOf(child: RunningProcess, over: AbortSignal, { log }: World): Promise<ProcessExit> {
  try {
    return await unlessAborted(child.exited, over);
  } catch {
    log.error(`the worker (pid ${child.pid}) does not end, although it was to be killed: it is left behind`);
    child.leave();
    return { code: undefined, signal: 'SIGKILL' };
  }
}

/** @returns ends the waiting for a rest */
function releaseMemoryAtRest(connection: Connection, { clock, system }: World): AbortController {
  const end = new AbortController();
  void connection
    .agreed('log')
    .then(() => clock.sleep(RELEASE_MEMORY_AFTER_MS, end.signal))
    .then(
      () => system.releaseMemory(),
      () => undefined,
    );
  return end;
}

/** @param hurried fires with a signal: then only what the worker wrote last is waited for */
async function hearOut(
  talk: Talk,
  drainTimeoutMs: number,
  hurried: AbortSignal,
  { clock, log }: World,
): Promise<void> {
  const heard = new AbortController();
  void talk.ended.then(() => heard.abort());
  // Both waits may end early.
  await clock.sleep(drainTimeoutMs, AbortSignal.any([hurried, heard.signal])).catch(() => undefined);
  if (hurried.aborted) await clock.sleep(LAST_WORDS_MS, heard.signal).catch(() => undefined);
  if (!heard.signal.aborted) {
    log.warn(
      'a process that the worker left behind still holds its output, or the log takes no more: it is read no longer',
    );
  }
  await talk.close();
}

function logExit(exit: ProcessExit, { seen }: Interruptions, { log }: World): void {
  const notices = seen.map(({ notice, stands }) => `${notice.kind}${stands ? '' : ' (withdrawn)'}`);
  const after = notices.length === 0 ? '' : `, after notice of ${notices.join(', ')}`;
  const end = `the worker ${describeExit(exit)}${after}`;
  if (exit.code === 0) log.info(end);
  else log.warn(end);
}
