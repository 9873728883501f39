/** How the launcher tells start-worker which variables it set on its own account: their names, separated by spaces. */
const SET_BY_LAUNCHER = 'WORKER_RUNNER_SET_ENV';

/** What the launcher tells us and the worker has no use for. */
const OURS = [SET_BY_LAUNCHER, 'WORKER_RUNNER_OPEN_FILES'];

/**
 * The environment that a worker inherits: ours, without the variables that start-worker's own launcher set. A
 * NODE_OPTIONS of the user's is the user's, and stays.
 */
export function workerEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const ours = new Set([...OURS, ...(env[SET_BY_LAUNCHER] ?? '').split(' ')]);
  const inherited: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !ours.has(name)) inherited[name] = value;
  }
  return inherited;
}
