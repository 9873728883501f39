/** Removes what a start-worker that was killed had not finished writing. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '../errors.ts';
import { TEMPORARY_PREFIX } from './faults.ts';

/**
 * Removes the temporary files of processes that are gone; to be called before we write there, since what bears our own
 * process id was left by one before us. Never rejects: what can't be removed stays.
 */
export async function sweepFolder(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const pid = writerOf(name);
    if (pid !== undefined && isGone(pid))
      await rm(join(folder, name), { force: true }).catch(() => undefined);
  }
}

function writerOf(name: string): number | undefined {
  if (!name.startsWith(TEMPORARY_PREFIX)) return undefined;
  const pid = /^(\d+)-/.exec(name.slice(TEMPORARY_PREFIX.length))?.[1];
  return pid === undefined ? undefined : Number(pid);
}

function isGone(pid: number): boolean {
  // In a container that is started again, each start has the id of the one before.
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return systemCode(error) === 'ESRCH';
  }
}
