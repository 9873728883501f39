/** What the launcher (tools/launcher.cjs) tells the program that it starts, which nobody else has a use for. */

/**
 * The soft limit of open files that the program was started with. Node raises its own to the hard limit before any of
 * our code runs, so only the launcher can know it.
 */
export const OPEN_FILES_VARIABLE = 'WORKER_RUNNER_OPEN_FILES';

/** The names of the variables that the launcher set on its own account, separated by spaces. */
const SET_BY_LAUNCHER = 'WORKER_RUNNER_SET_ENV';

/**
 * The environment that a program of ours hands on: its own, without what its launcher put there. A NODE_OPTIONS of the
 * user's is the user's, and stays.
 */
export function withoutLauncherVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const ours = new Set([OPEN_FILES_VARIABLE, SET_BY_LAUNCHER, ...(env[SET_BY_LAUNCHER] ?? '').split(' ')]);
  const inherited: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !ours.has(name)) inherited[name] = value;
  }
  return inherited;
}
