import { withoutLauncherVariables } from '../launcher-variables.ts';
import { createOpenFilesRestorer } from '../platform/restore-open-files.ts';
import type { RunningProcess } from '../supervision/process.ts';
import { startProcess } from '../supervision/start.ts';
import type { Launch } from '../workers/worker.ts';
import type { World } from './world.ts';

/**
 * Starts the worker with the environment and the limits that we were started with.
 * @throws RunnerError `worker.*` where the program cannot be started
 */
export async function startWorkerProcess(
  launch: Extract<Launch, { kind: 'command' }>,
  world: World,
): Promise<RunningProcess> {
  const { file, args } = launch;
  const env = { ...withoutLauncherVariables(world.env), ...launch.env };
  const { wrap, obstacle } = await createOpenFilesRestorer(world.env, env);
  if (obstacle !== undefined) world.log.info(obstacle);
  const child = await startProcess({ file, args, env, wrap });
  world.log.info(`started the worker: ${[file, ...args].join(' ')}`, { pid: child.pid });
  return child;
}
