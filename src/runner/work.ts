/** Steps 6 and 7: start the worker, talk with it, and see it to its end. */
import type { LifecycleSettings, LimitSettings } from '../config/runner-config.ts';
import { withoutLauncherVariables } from '../launcher-variables.ts';
import type { WorkerIdentity } from '../model.ts';
import { createReadingCollector, releaseMemory } from '../platform/memory.ts';
import { createOpenFilesRestorer } from '../platform/restore-open-files.ts';
import { createConnection, type Connection } from '../protocol/connection.ts';
import { CAPABILITIES, type ErrorReportMessage, type ShutdownMessage } from '../protocol/messages.ts';
import { pumpText } from '../protocol/text-pump.ts';
import type { ProcessExit, RunningProcess } from '../supervision/process.ts';
import { settlesWithin } from '../settles-within.ts';
import { startProcess } from '../supervision/start.ts';
import type { Launch } from '../workers/worker.ts';
import { createErrorReports, type ErrorReports } from './error-reports.ts';
import { describeExit } from './exit.ts';
import type { World } from './world.ts';

/** After worker and runner have greeted each other the runner has nothing to do for hours; then its boot's memory goes. */
const RELEASE_MEMORY_AFTER_MS = 1_000;

/** How long the end of a run waits for error reports that are still on their way. */
const REPORTS_AT_END_MS = 10_000;

export interface WorkRequest {
  readonly launch: Extract<Launch, { kind: 'command' }>;
  readonly identity: WorkerIdentity;
  /** What the log calls machines of this provider. */
  readonly providerName: string;
  readonly lifecycle: LifecycleSettings;
  readonly limits: LimitSettings;
}

/**
 * Resolves with the exit of the worker's own process, once what it wrote is in the log. Whoever else holds its
 * output by then is waited for no longer than lifecycle.drainTimeout.
 * @throws RunnerError `worker.*` where the program cannot be started
 */
export async function work(request: WorkRequest, world: World): Promise<ProcessExit> {
  const { log, redactor, signals } = world;
  signals.boot.throwIfAborted();
  const child = await startWorker(request, world);
  const reports = createErrorReports(request.identity, world);
  const onRead = createReadingCollector();
  const connection = createConnection({
    input: child.stdout,
    output: child.stdin,
    capabilities: CAPABILITIES,
    limits: request.limits,
    helloTimeoutMs: request.lifecycle.helloTimeoutMs,
    log,
    redactor,
    onRead,
    onMessage: message => act(message, request.providerName, reports, world),
  });
  const errors = pumpText({
    input: child.stderr,
    source: 'worker-stderr',
    limits: request.limits,
    log,
    redactor,
    onRead,
  });
  endWorkerOnSignal({ child, connection, helloTimeoutMs: request.lifecycle.helloTimeoutMs }, world);
  world.fault.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  releaseMemoryAtRest(connection);

  const exit = await child.exited;
  signals.onSignal(signal => {
    log.info(`${signal}: the worker has ended; what is still on its way is given up`);
    reports.giveUp();
  });
  const drained = await settlesWithin(
    Promise.all([connection.ended, errors.ended]),
    request.lifecycle.drainTimeoutMs,
  );
  if (!drained)
    log.warn(
      'a process that the worker left behind still holds its output, or the log takes no more: it is read no longer',
    );
  await Promise.all([connection.close(), errors.close()]);
  const end = `the worker ${describeExit(exit)}`;
  if (exit.code === 0) log.info(end);
  else log.warn(end);
  await reports.finish(REPORTS_AT_END_MS);
  return exit;
}

async function startWorker(request: WorkRequest, world: World): Promise<RunningProcess> {
  const { file, args } = request.launch;
  const env = { ...withoutLauncherVariables(world.env), ...request.launch.env };
  const { wrap, obstacle } = await createOpenFilesRestorer(world.env, env);
  if (obstacle !== undefined) world.log.info(obstacle);
  const child = await startProcess({ file, args, env, wrap });
  world.log.info(`started the worker: ${[file, ...args].join(' ')}`, { pid: child.pid });
  return child;
}

function act(
  message: ShutdownMessage | ErrorReportMessage,
  providerName: string,
  reports: ErrorReports,
  world: World,
): void {
  switch (message.type) {
    case 'shutdown':
      // Offered all the same: a worker that is not offered it halts the host by itself (facts §3.5).
      world.log.info(
        `the worker asks for this machine to be ended: ${providerName} machines are left running`,
      );
      return;
    case 'error-report':
      reports.forward(message);
  }
}

function releaseMemoryAtRest(connection: Connection): void {
  void connection.agreed('log').then(() => {
    setTimeout(releaseMemory, RELEASE_MEMORY_AFTER_MS).unref();
  });
}

interface Talk {
  readonly child: RunningProcess;
  readonly connection: Connection;
  readonly helloTimeoutMs: number;
}

/** First signal: finish your tasks and end. Second: end now. Third: no more asking. */
function endWorkerOnSignal(talk: Talk, world: World): void {
  const { log, signals } = world;
  const asking = new AbortController();
  signals.onSignal((signal, count) => {
    if (count === 1) {
      log.info(`${signal}: asking the worker to finish its tasks and end; a second signal ends it at once`);
      void askToEnd(talk, asking.signal, world);
      return;
    }
    asking.abort();
    if (count === 2) {
      log.warn(`${signal} again: ending the worker; a third signal kills it`);
      talk.child.kill('SIGTERM');
    } else {
      log.warn(`${signal} again: killing the worker`);
      talk.child.killGroup('SIGKILL');
    }
  });
}

/** @param superseded fires where a second signal has done what this one was about to do */
async function askToEnd(talk: Talk, superseded: AbortSignal, world: World): Promise<void> {
  const { child, connection, helloTimeoutMs } = talk;
  if (!(await settlesWithin(connection.agreed('graceful-termination'), 0))) {
    world.log.info(
      `the worker has not said hello yet: that is waited for, until ${helloTimeoutMs / 1000} s after its start`,
    );
  }
  const delivery = await connection.send({ type: 'graceful-termination', 'finish-tasks': true });
  if (delivery === 'sent' || superseded.aborted) return;
  // Where it ended while hello was waited for, there is nobody to tell.
  if (child.kill('SIGTERM')) world.log.info('the worker cannot be asked by message: it was sent SIGTERM');
}
