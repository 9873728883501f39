/** What one piece of work has done to the disk: to make it last, or to take it back. */
import { syncFolder } from '../platform/sync.ts';
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
