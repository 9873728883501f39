/** What one piece of work has done to the disk: to make it last, or to take it back. */
import { open } from 'node:fs/promises';
import { systemCode } from '../errors.ts';
import { forEachAtOnce } from './at-once.ts';

export interface Changes {
  /** How to take a change back; for a change that has been made. */
  readonly undo: (() => Promise<void>)[];
  /** Folders in which a name was added or replaced. */
  readonly folders: Set<string>;
}

/** Calls of fsync at the same time: each waits for the disk, and the disk takes several in one go. */
const SYNCS_AT_ONCE = 8;

/**
 * Runs work that notes its changes. Where it succeeds, the folders it changed are fsynced; where it fails, all is taken
 * back, the last change first. Taking back never fails: what can't be removed stays.
 */
export async function withChanges<T>(work: (changes: Changes) => Promise<T>): Promise<T> {
  const changes: Changes = { undo: [], folders: new Set() };
  try {
    const result = await work(changes);
    await forEachAtOnce([...changes.folders], SYNCS_AT_ONCE, syncFolder);
    return result;
  } catch (error) {
    for (const step of changes.undo.toReversed()) await step().catch(() => undefined);
    throw error;
  }
}

/** Not every filesystem can fsync a folder, and not every folder that can be written to can be opened. */
const NO_FOLDER_SYNC: readonly (string | undefined)[] = ['EINVAL', 'ENOTSUP', 'EBADF', 'EACCES', 'EPERM'];

/** Without it a power cut may take a new name away, though the file's content is on disk. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  try {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!NO_FOLDER_SYNC.includes(systemCode(error))) throw error;
  }
}
