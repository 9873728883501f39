/** Steps 6 and 7: start the worker, talk with it, and see it to its end. */
import type { LifecycleSettings, LimitSettings } from '../config/runner-config.ts';
import type { Identified } from '../model.ts';
import { releaseMemory } from '../platform/memory.ts';
import type { Connection } from '../protocol/connection.ts';
import type { ErrorReportMessage, ShutdownMessage } from '../protocol/messages.ts';
import { settlesWithin } from '../settles-within.ts';
import type { ProcessExit, RunningProcess } from '../supervision/process.ts';
import type { Launch } from '../workers/worker.ts';
import type { Ending } from './ending.ts';
import type { WorkerEnd } from './ends.ts';
import { createErrorReports, type ErrorReports } from './error-reports.ts';
import { describeExit } from './exit.ts';
import type { Interruptions } from './interruptions.ts';
import { startWorkerProcess } from './start-worker-process.ts';
import { endWorkerOnSignal } from './stop-worker.ts';
import { openTalk, type Talk } from './talk.ts';
import { tellWorkerOfInterruptions } from './tell-worker.ts';
import type { World } from './world.ts';

/** After worker and runner have greeted each other the runner has nothing to do for hours; then its boot's memory goes. */
const RELEASE_MEMORY_AFTER_MS = 1_000;

/** How long the end of a run waits for error reports that are still on their way, … */
const REPORTS_AT_END_MS = 10_000;
/** … and where the cloud takes the machine away. */
const REPORTS_UNDER_NOTICE_MS = 2_000;

/** After a fault of ours the worker may finish what it does at SIGTERM, but not for ever: nobody listens to it. */
const KILL_AFTER_FAULT_MS = 30_000;

export interface WorkRequest {
  readonly launch: Extract<Launch, { kind: 'command' }>;
  readonly identified: Identified;
  readonly interruptions: Interruptions;
  readonly ending: Pick<Ending, 'shutdownAsked'>;
  readonly lifecycle: LifecycleSettings;
  readonly limits: LimitSettings;
}

/**
 * Resolves with the end of the worker's own process, once what it wrote is in the log. Whoever else holds its
 * output by then is waited for no longer than lifecycle.drainTimeout.
 * @throws RunnerError `worker.*` where the program cannot be started
 */
export async function work(request: WorkRequest, world: World): Promise<WorkerEnd> {
  const { log, signals } = world;
  const { identity } = request.identified;
  const { interruptions, lifecycle } = request;
  signals.boot.throwIfAborted();
  const child = await startWorkerProcess(request.launch, world);
  const reports = createErrorReports(identity, world);
  const talk = openTalk(child, request, message => act(message, request.ending, reports), world);
  const { connection } = talk;
  endWorkerOnSignal({ child, connection, helloTimeoutMs: lifecycle.helloTimeoutMs }, world);
  endWorkerOnFault(child, world);
  const tellNoMore = tellWorkerOfInterruptions(interruptions, connection, log);
  const atRest = releaseMemoryAtRest(connection, world);

  const exit = await child.exited;
  tellNoMore();
  atRest.abort();
  signals.onSignal(signal => {
    log.info(`${signal}: the worker has ended; what is still on its way is given up`);
    reports.giveUp();
  });
  await hearOut(talk, lifecycle.drainTimeoutMs, world);
  logExit(exit, interruptions, world);
  const hurry = interruptions.allStanding().some(({ notice }) => !notice.finishTasks);
  await reports.finish(hurry ? REPORTS_UNDER_NOTICE_MS : REPORTS_AT_END_MS);
  return { kind: 'worker', exit, reported: reports.arrived > 0 };
}

function act(
  message: ShutdownMessage | ErrorReportMessage,
  ending: Pick<Ending, 'shutdownAsked'>,
  reports: ErrorReports,
): void {
  switch (message.type) {
    case 'shutdown':
      ending.shutdownAsked();
      return;
    case 'error-report':
      reports.forward(message);
  }
}

function endWorkerOnFault(child: RunningProcess, { clock, fault }: World): void {
  async function end(): Promise<void> {
    child.kill('SIGTERM');
    if (!(await settlesWithin(child.exited, KILL_AFTER_FAULT_MS, clock))) child.killGroup('SIGKILL');
  }
  if (fault.aborted) void end();
  else fault.addEventListener('abort', () => void end(), { once: true });
}

/** @returns ends the waiting for a rest */
function releaseMemoryAtRest(connection: Connection, { clock }: World): AbortController {
  const end = new AbortController();
  void connection
    .agreed('log')
    .then(() => clock.sleep(RELEASE_MEMORY_AFTER_MS, end.signal))
    .then(releaseMemory, () => undefined);
  return end;
}

async function hearOut(talk: Talk, drainTimeoutMs: number, { clock, log }: World): Promise<void> {
  if (!(await settlesWithin(talk.ended, drainTimeoutMs, clock))) {
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
