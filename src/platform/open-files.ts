/** The soft limit of open files: how many a process may have, unless it asks for more. */
import { readFile } from 'node:fs/promises';
import { OPEN_FILES_VARIABLE } from '../launcher-variables.ts';

export type OpenFilesLimit = number | 'unlimited';

/**
 * The soft limit that we were started with. Where Node was started without the launcher, it is the limit of the process
 * that started it, which a child inherits; but a service manager (process 1) sets each service's limits apart from its
 * own, so that then, as on other systems than Linux, nothing is known.
 */
export async function originalOpenFiles(
  env: NodeJS.ProcessEnv,
  parent: number = process.ppid,
): Promise<OpenFilesLimit | undefined> {
  const told = env[OPEN_FILES_VARIABLE];
  if (told !== undefined) return parseLimit(told);
  return parent === 1 ? undefined : openFilesOf(parent);
}

/** The soft limit of a process, where the system is Linux and shows it. */
export async function openFilesOf(process: number | 'self'): Promise<OpenFilesLimit | undefined> {
  try {
    const limits = await readFile(`/proc/${process}/limits`, 'utf8');
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
