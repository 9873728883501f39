import { open } from 'node:fs/promises';
import { systemCode } from '../errors.ts';

/** Not every filesystem can fsync a folder, and not every folder that can be written to can be opened. */
const NO_FOLDER_SYNC: readonly (string | undefined)[] = ['EINVAL', 'ENOTSUP', 'EBADF', 'EACCES', 'EPERM'];

/** fsync: what was written is on the disk. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * fsync of a folder: without it a power cut may take a new name away, though the file's content is on disk. Windows has
 * no handle of a folder to sync: its renames are journaled.
 */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  try {
    await sync(path);
  } catch (error) {
    if (!NO_FOLDER_SYNC.includes(systemCode(error))) throw error;
  }
}
