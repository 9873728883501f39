import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemCode } from '../errors.ts';
import { withChanges } from './changes.ts';
import { explainSystemError } from './faults.ts';
import { makeFolders } from './folders.ts';
import type { Owner } from './owner.ts';
import { type LinksToFollow, locate } from './place.ts';
import { writeFileAt } from './stage.ts';

/**
 * Writes a file that only its owner, by default the runner's user, can read (0600), whatever stood there before. Atomic:
 * a reader sees the old file or the new one. Missing folders are made, 0755 and the runner's own.
 * @param links which symlinks are followed, also at the path itself. By default only trusted ones where the file becomes
 *   another user's, who could else become the owner of any file
 * @throws RunnerError `files.write`, exit `files`
 */
export async function writePrivateFile(
  path: string,
  text: string,
  owner?: Owner,
  links: LinksToFollow = owner === undefined ? 'any' : 'trusted',
): Promise<void> {
  try {
    const place = await locate(path, links);
    await withChanges(async changes => {
      await makeFolders(place.existing, dirname(place.path), undefined, changes);
      await writeFileAt(place, [Buffer.from(text)], { mode: 0o600, owner }, changes);
    });
  } catch (error) {
    throw explainSystemError(error, path);
  }
}

/** Windows has neither the flags nor such modes and owners. */
const WINDOWS = process.platform === 'win32';

/**
 * What we have written so and nobody else can have changed; undefined where there is nothing at the path.
 * @throws Error where something else stands there: a symlink, another user's file, one that others may read or write
 */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  try {
    // A FIFO would let us wait for whoever opens its other end.
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
    const file = await open(path, WINDOWS ? 'r' : flags);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw new Error('it is no file');
      if (!WINDOWS && stats.uid !== process.geteuid?.()) throw new Error("it is another user's");
      if (!WINDOWS && (stats.mode & 0o077) !== 0) throw new Error('others may read or write it');
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    if (systemCode(error) === 'ELOOP') throw new Error('it is a symlink', { cause: error });
    throw error;
  }
}
