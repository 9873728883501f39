/** How SIGTERM and SIGINT end a worker: first asked, then ended, then killed. */
import type { LifecycleSettings } from '../config/runner-config.ts';
import type { Connection } from '../protocol/connection.ts';
import { settlesWithin } from '../settles-within.ts';
import type { RunningProcess } from '../supervision/process.ts';
import { unlessAborted } from '../unless-aborted.ts';
import { durationWords } from '../words.ts';
import type { World } from './world.ts';

type StopSettings = Pick<
  LifecycleSettings,
  'helloTimeoutMs' | 'finishTasks' | 'gracePeriodMs' | 'killAfterMs'
>;

interface WorkerToStop {
  readonly child: Pick<RunningProcess, 'kill' | 'killGroup'>;
  /** Fires where it has ended. */
  readonly ended: AbortSignal;
  readonly connection: Pick<Connection, 'agreed' | 'send'>;
  readonly lifecycle: StopSettings;
}

/**
 * First signal: finish your tasks and end. Second: end now. Third: no more asking. Between them time does the same, so
 * that the worker is killed gracePeriod and killAfter after the first at the latest: a second can only make it sooner.
 */
export function endWorkerOnSignal(worker: WorkerToStop, world: World): void {
  const { child, ended, lifecycle } = worker;
  const { clock, log, signals } = world;
  const asking = new AbortController();
  /** By clock.elapsed(). */
  let killAtMs = Infinity;
  const wish = lifecycle.finishTasks ? 'finish its tasks and end' : 'end without finishing its tasks';

  signals.onSignal((signal, count) => {
    if (count === 1) {
      killAtMs = clock.elapsed() + lifecycle.gracePeriodMs + lifecycle.killAfterMs;
      log.info(`${signal}: asking the worker to ${wish}; a second signal ends it at once`);
      // It ends with nothing but the reason of the signal that it is given.
      askThenEnd(worker, AbortSignal.any([asking.signal, ended]), world).catch(() => undefined);
      return;
    }
    asking.abort(new Error('another signal came'));
    if (count === 2) {
      log.warn(`${signal} again: ending the worker; a third signal kills it`);
      const killAfterMs = Math.min(lifecycle.killAfterMs, Math.max(0, killAtMs - clock.elapsed()));
      endThenKill(child, killAfterMs, ended, world).catch(() => undefined);
    } else {
      log.warn(`${signal} again: killing the worker`);
      kill(child, log);
    }
  });
}

/** @param stop fires where the worker has ended, or a second signal does what this one was about to do */
async function askThenEnd(worker: WorkerToStop, stop: AbortSignal, world: World): Promise<void> {
  const { child, lifecycle } = worker;
  const { gracePeriodMs, killAfterMs } = lifecycle;
  const { clock, log } = world;
  const untilMs = clock.elapsed() + gracePeriodMs;
  const asked = askToEnd(worker, world);
  const isAsked = await unlessAborted(settledTrue(asked, gracePeriodMs, world), stop);
  if (!isAsked && clock.elapsed() < untilMs) {
    if (child.kill('SIGTERM')) log.info('the worker cannot be asked by message: it was sent SIGTERM');
  }
  await clock.sleep(Math.max(0, untilMs - clock.elapsed()), stop);
  log.warn(`the worker has not ended within lifecycle.gracePeriod (${durationWords(gracePeriodMs)})`);
  await endThenKill(child, killAfterMs, stop, world);
}

async function settledTrue(promise: Promise<boolean>, timeoutMs: number, { clock }: World): Promise<boolean> {
  return (await settlesWithin(promise, timeoutMs, clock)) && promise;
}

/** @returns whether it was asked */
async function askToEnd({ connection, lifecycle }: WorkerToStop, { clock, log }: World): Promise<boolean> {
  const { finishTasks, helloTimeoutMs } = lifecycle;
  if (!(await settlesWithin(connection.agreed('graceful-termination'), 0, clock))) {
    log.info(
      `the worker has not said hello yet: that is waited for, until ${helloTimeoutMs / 1000} s after its start`,
    );
  }
  const delivery = await connection.send({ type: 'graceful-termination', 'finish-tasks': finishTasks });
  return delivery === 'sent';
}

/** SIGTERM to the process alone, so that its children can finish its work, and SIGKILL to all of its group. */
export async function endThenKill(
  child: Pick<RunningProcess, 'kill' | 'killGroup'>,
  killAfterMs: number,
  stop: AbortSignal,
  { clock, log }: Pick<World, 'clock' | 'log'>,
): Promise<void> {
  if (child.kill('SIGTERM')) log.info('the worker was sent SIGTERM');
  else log.warn('the worker could not be sent SIGTERM');
  await clock.sleep(killAfterMs, stop);
  log.warn(`the worker has not ended within ${durationWords(killAfterMs)} after SIGTERM: killing it`);
  kill(child, log);
}

function kill(child: Pick<RunningProcess, 'killGroup'>, log: World['log']): void {
  if (!child.killGroup('SIGKILL')) {
    log.error(
      'the worker was not killed: it has just ended, or it belongs to a user whose processes start-worker may not kill',
    );
  }
}
