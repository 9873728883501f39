/**
 * Symlinks of an archive. Each is held to leading to a place inside the folder that is unpacked into, and they are made
 * when every file has its name: so no entry is ever written through one of them.
 */
import { isUtf8 } from 'node:buffer';
import { lchown, rename, rm, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { ArchivedFile } from './archive.ts';
import type { Changes } from './changes.ts';
import { refuseEscape } from './entry-name.ts';
import { refusal } from './faults.ts';
import { contentOf } from './inflate.ts';
import type { Owner } from './owner.ts';
import { descend, isInside, locate, lstatIfThere, type Place } from './place.ts';
import { checkTarget, temporaryName } from './stage.ts';

export interface PlannedLink {
  /** The folder that it stands in. */
  readonly folder: Place;
  readonly name: string;
  /** Relative, as the archive has it. */
  readonly target: string;
}

/**
 * Where a symlink of an archive goes, and that it leads to a place inside `root`, which need not exist.
 * @param folder the folder that it will stand in
 * @throws RunnerError `files.zip-escape`, `files.zip-link`, `files.zip-content`
 */
export async function planLink(
  link: ArchivedFile,
  folder: Place,
  root: Place,
  signal: AbortSignal | undefined,
): Promise<PlannedLink> {
  const { quoted, parts } = link.name;
  const target = await readTarget(link, signal);
  if (target.startsWith('/')) throw refuseEscape(quoted, 'the symlink leads to an absolute path');
  const names = target.split('/').filter(name => name !== '' && name !== '.');
  // In front, ".." is the parent of a folder that we know; behind a name it depends on what stands there by then.
  if (names.some((name, index) => name === '..' && index > 0 && names[index - 1] !== '..')) {
    throw refusal(
      'files.zip-link',
      `entry ${quoted} is a symlink with ".." behind a name in its target`,
      'make the archive with ".." only at the beginning of such targets',
    );
  }
  const path = resolve(folder.path, target);
  const destination = await locate(path);
  if (!isInside(root, { ...destination, path }) || !isInside(root, destination)) {
    throw refuseEscape(quoted, 'the symlink leads out of it');
  }
  const name = parts.at(-1) ?? '';
  const older = await lstatIfThere(join(folder.path, name));
  if (older?.isSymbolicLink() !== true) checkTarget(await descend(folder, name));
  return { folder, name, target };
}

/** Makes the symlink, in a folder that exists by now; an older file or symlink of its name is replaced. */
export async function placeLink(
  { folder, name, target }: PlannedLink,
  owner: Owner | undefined,
  changes: Changes,
): Promise<void> {
  const path = join(folder.path, name);
  const older = await lstatIfThere(path);
  const temporary = join(folder.path, temporaryName());
  await symlink(target, temporary);
  changes.undo.push(() => rm(temporary, { force: true }));
  if (owner !== undefined) await lchown(temporary, owner.uid, owner.gid);
  await rename(temporary, path);
  changes.folders.add(folder.path);
  if (older === undefined) changes.undo.push(() => rm(path));
}

/** An archive keeps a symlink's target as the entry's content. */
async function readTarget(link: ArchivedFile, signal: AbortSignal | undefined): Promise<string> {
  const bytes = await buffer(contentOf(link, signal));
  if (bytes.length > 0 && isUtf8(bytes) && !bytes.includes(0)) return bytes.toString('utf8');
  throw refusal(
    'files.zip-link',
    `entry ${link.name.quoted} is a symlink whose target is no path`,
    'make the archive again; it may be damaged',
  );
}
