/** The end of a worker that a start-worker which was killed has left behind. */
import { RunnerError } from '../errors.ts';
import { isAlive, type ProcessMark } from '../platform/processes.ts';
import type { World } from './world.ts';

/** How often it is looked whether it has ended. */
const LOOK_AGAIN_MS = 100;
/** How long the system may take to end what was killed. */
const GONE_AFTER_KILL_MS = 5_000;

type FormerWorld = Pick<World, 'clock' | 'log' | 'system'>;

/**
 * SIGTERM to its process alone; once it has ended, or `killAfterMs` later, SIGKILL to all that is left of its group, so
 * that no two run at once.
 * @returns why no other may be started: it cannot be ended. Rejects with the signal's reason
 */
export async function endFormerWorker(
  worker: ProcessMark,
  killAfterMs: number,
  world: FormerWorld,
  signal: AbortSignal,
): Promise<RunnerError | undefined> {
  const { log, system } = world;
  system.processes.kill(worker.pid, 'SIGTERM');
  const ended = await isGoneWithin(worker, killAfterMs, world, signal);
  if (!ended) log.warn(`the earlier worker (pid ${worker.pid}) has not ended at SIGTERM: killing it`);
  system.processes.killGroup(worker.pid, 'SIGKILL');
  if (ended || (await isGoneWithin(worker, GONE_AFTER_KILL_MS, world, signal))) {
    log.info(`the earlier worker (pid ${worker.pid}) has ended`);
    return undefined;
  }
  return new RunnerError(
    'worker.left-behind',
    `the worker that an earlier start-worker has left behind (pid ${worker.pid}) cannot be ended`,
    { exit: 'workerStart', advice: 'end it by hand: another must not be started beside it' },
  );
}

async function isGoneWithin(
  mark: ProcessMark,
  timeoutMs: number,
  { clock, system }: FormerWorld,
  signal: AbortSignal,
): Promise<boolean> {
  const untilMs = clock.elapsed() + timeoutMs;
  while (await isAlive(mark, system.processes)) {
    if (clock.elapsed() >= untilMs) return false;
    await clock.sleep(LOOK_AGAIN_MS, signal);
  }
  return true;
}
