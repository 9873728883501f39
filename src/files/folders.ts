import { chmod, chown, mkdir, rmdir } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { systemCode } from '../errors.ts';
import type { Changes } from './changes.ts';
import { FOLDER_MODE } from './mode.ts';
import type { Owner } from './owner.ts';

/**
 * Makes the folders that are missing between `existing` and `folder`, each 0755 whatever the umask, and the owner's
 * where one is given. Folders that stand there already are left as they are.
 */
export async function makeFolders(
  existing: string,
  folder: string,
  owner: Owner | undefined,
  changes: Changes,
): Promise<void> {
  let path = existing;
  for (const name of relative(existing, folder).split(sep)) {
    if (name === '') continue;
    path = join(path, name);
    await makeFolder(path, owner, changes);
  }
}

async function makeFolder(path: string, owner: Owner | undefined, changes: Changes): Promise<void> {
  try {
    await mkdir(path, FOLDER_MODE);
  } catch (error) {
    // Made since we looked: by an earlier entry of the same archive, or by somebody else.
    if (systemCode(error) === 'EEXIST') return;
    throw error;
  }
  changes.undo.push(() => rmdir(path));
  changes.folders.add(dirname(path));
  if (owner !== undefined) await chown(path, owner.uid, owner.gid);
  await chmod(path, FOLDER_MODE);
}
