import { readFile } from 'node:fs/promises';

/**
 * The environment variable by which the launcher hands over the soft limit of open files that start-worker was
 * started with. Node raises its own to the hard limit before any of our code runs, so only the launcher can know it.
 */
export const OPEN_FILES_VARIABLE = 'WORKER_RUNNER_OPEN_FILES';

export type OpenFilesLimit = number | 'unlimited';

/**
 * The soft limit of open files that the worker should get back. Where Node was started without the launcher, it is the
 * limit of the process that started it, which a child inherits; but a service manager (process 1) sets each service's
 * limits apart from its own, so that then, as on other systems than Linux, nothing is known.
 */
export async function openFilesLimit(
  env: NodeJS.ProcessEnv,
  parent: number = process.ppid,
): Promise<OpenFilesLimit | undefined> {
  const told = env[OPEN_FILES_VARIABLE];
  if (told !== undefined) return parseLimit(told);
  if (parent === 1) return undefined;
  try {
    const limits = await readFile(`/proc/${parent}/limits`, 'utf8');
    return parseLimit(/^Max open files +(\S+)/m.exec(limits)?.[1] ?? '');
  } catch {
    return undefined;
  }
}

function parseLimit(text: string): OpenFilesLimit | undefined {
  if (text === 'unlimited') return text;
  if (!/^\d+$/.test(text)) return undefined;
  const limit = Number(text);
  return Number.isSafeInteger(limit) && limit > 0 ? limit : undefined;
}
