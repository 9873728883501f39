/** Tells those who keep the worker pool of a failure that may come from its configuration. */
import { messageOf, RunnerError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { WorkerIdentity } from '../model.ts';
import { publicReport } from '../protocol/public-report.ts';
import type { WorkerErrorReport } from '../taskcluster/taskcluster.ts';
import type { RunEnd } from './ends.ts';
import { describeExit } from './exit.ts';
import { failureLines } from './failure.ts';
import type { World } from './world.ts';

/**
 * Sends one report, tried again for as long as `retryForMs`; a failure is only logged.
 * @param signal ends it at once
 */
export async function reportToPool(
  end: RunEnd,
  identity: WorkerIdentity,
  retryForMs: number,
  world: World,
  signal: AbortSignal,
): Promise<void> {
  const { kind, title, description } = publicReport(
    { type: 'error-report', extra: {}, ...reportOf(end) },
    world.redactor,
  );
  try {
    const taskcluster = await world.services.taskcluster(identity.rootUrl);
    await taskcluster.reportWorkerError(identity, { kind, title, description, extra: {} }, signal, {
      retryForMs,
    });
  } catch (error) {
    if (!signal.aborted) world.log.warn(`the worker pool could not be told of this: ${messageOf(error)}`);
  }
}

function reportOf(end: RunEnd): Omit<WorkerErrorReport, 'extra'> {
  if (end.kind === 'failure' && end.error instanceof RunnerError) {
    const { name, meaning } = EXIT_CODES[end.error.exit];
    return { kind: name, title: meaning, description: failureLines(end.error).join('\n') };
  }
  if (end.kind === 'failure') {
    return { kind: 'internal', title: EXIT_CODES.internal.meaning, description: messageOf(end.error) };
  }
  const words = end.kind === 'worker' ? `the worker ${describeExit(end.exit)}` : 'the run failed';
  return {
    kind: 'worker-exit',
    title: words,
    description: `${words}: by this code it says that something is wrong with its configuration or its environment. The log of the machine tells more.`,
  };
}
