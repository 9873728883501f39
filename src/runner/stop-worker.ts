/** How SIGTERM and SIGINT end a worker: first asked, then ended, then killed. */
import type { Connection } from '../protocol/connection.ts';
import { settlesWithin } from '../settles-within.ts';
import type { RunningProcess } from '../supervision/process.ts';
import type { World } from './world.ts';

interface WorkerToStop {
  readonly child: RunningProcess;
  readonly connection: Connection;
  readonly helloTimeoutMs: number;
}

/** First signal: finish your tasks and end. Second: end now. Third: no more asking. */
export function endWorkerOnSignal(worker: WorkerToStop, world: World): void {
  const { log, signals } = world;
  const asking = new AbortController();
  signals.onSignal((signal, count) => {
    if (count === 1) {
      log.info(`${signal}: asking the worker to finish its tasks and end; a second signal ends it at once`);
      void askToEnd(worker, asking.signal, world);
      return;
    }
    asking.abort();
    if (count === 2) {
      log.warn(`${signal} again: ending the worker; a third signal kills it`);
      worker.child.kill('SIGTERM');
    } else {
      log.warn(`${signal} again: killing the worker`);
      worker.child.killGroup('SIGKILL');
    }
  });
}

/** @param superseded fires where a second signal has done what this one was about to do */
async function askToEnd(worker: WorkerToStop, superseded: AbortSignal, world: World): Promise<void> {
  const { child, connection, helloTimeoutMs } = worker;
  const { clock, log } = world;
  if (!(await settlesWithin(connection.agreed('graceful-termination'), 0, clock))) {
    log.info(
      `the worker has not said hello yet: that is waited for, until ${helloTimeoutMs / 1000} s after its start`,
    );
  }
  const delivery = await connection.send({ type: 'graceful-termination', 'finish-tasks': true });
  if (delivery === 'sent' || superseded.aborted) return;
  // Where it ended while hello was waited for, there is nobody to tell.
  if (child.kill('SIGTERM')) log.info('the worker cannot be asked by message: it was sent SIGTERM');
}
