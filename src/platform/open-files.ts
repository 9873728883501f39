/**
 * The environment variable by which the launcher hands over the soft limit of open files that start-worker was
 * started with. Node raises its own to the hard limit before any of our code runs, so only the launcher can know it.
 */
export const OPEN_FILES_VARIABLE = 'WORKER_RUNNER_OPEN_FILES';

/** The soft limit of open files that the worker should get back, or nothing where the launcher did not say. */
export function openFilesLimit(env: NodeJS.ProcessEnv): number | 'unlimited' | undefined {
  const value = env[OPEN_FILES_VARIABLE];
  if (value === 'unlimited') return value;
  if (value === undefined || !/^\d+$/.test(value)) return undefined;
  const limit = Number(value);
  return Number.isSafeInteger(limit) && limit > 0 ? limit : undefined;
}
