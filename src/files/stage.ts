/**
 * Writing a file in two moves, so that nobody ever reads half of one: its content goes to a file of its own in the
 * same filesystem, which then takes the target's name.
 */
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode } from '../errors.ts';
import type { Changes } from './changes.ts';
import { localFault, systemFault, TEMPORARY_PREFIX } from './faults.ts';
import { makeFolders } from './folders.ts';
import type { Owner } from './owner.ts';
import type { Place } from './place.ts';

export interface Attributes {
  readonly mode: number;
  readonly owner: Owner | undefined;
}

/** A file that is whole and on disk, but has not yet the name it shall have. */
export interface StagedFile {
  readonly temporary: string;
  readonly place: Place;
  readonly attributes: Attributes;
}

export type Content = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * First move: writes and fsyncs the content in the deepest folder that exists on the way to the place. The content
 * may still turn out to be wrong: no other name on the disk has changed yet.
 */
export async function stageFile(
  place: Place,
  content: Content,
  attributes: Attributes,
  changes: Changes,
): Promise<StagedFile> {
  checkTarget(place);
  const temporary = join(place.existing, temporaryName());
  const handle = await open(temporary, 'wx', 0o600);
  changes.undo.push(() => rm(temporary, { force: true }));
  try {
    await handle.writeFile(content);
    await applyAttributes(handle, attributes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return { temporary, place, attributes };
}

/** Second move: makes the missing folders and gives the file its name. */
export async function placeFile(staged: StagedFile, changes: Changes): Promise<void> {
  const { place, temporary, attributes } = staged;
  const folder = dirname(place.path);
  await makeFolders(place.existing, folder, attributes.owner, changes);
  try {
    await rename(temporary, place.path);
    changes.folders.add(folder);
    if (place.kind === 'missing') changes.undo.push(() => rm(place.path));
  } catch (error) {
    // A mount point cannot be renamed over: containers get single files bind-mounted.
    if (systemCode(error) !== 'EBUSY' || place.kind !== 'file') throw error;
    await writeInPlace(staged);
  }
}

/**
 * It names us, so that what is left of a process that was killed can be told from what another is writing. Unlikely to
 * be taken; that is enough, since a file that exists is never opened (`wx`). node:crypto costs start-up.
 */
export function temporaryName(): string {
  return `${TEMPORARY_PREFIX}${process.pid}-` + Math.random().toString(36).slice(2).padEnd(12, '0');
}

/** Writes one file by both moves. */
export async function writeFileAt(
  place: Place,
  content: Content,
  attributes: Attributes,
  changes: Changes,
): Promise<void> {
  const staged = await stageFile(place, content, attributes, changes);
  await placeFile(staged, changes);
}

/** A rename would replace a device (/dev/null!) by a file, and would fail on a folder only after all the work. */
export function checkTarget({ kind, path }: Place): void {
  if (kind === 'folder') throw systemFault('EISDIR', path);
  if (kind === 'special')
    throw localFault(path, 'a device, a FIFO or a socket stands there', 'correct the path');
}

async function writeInPlace({ temporary, place, attributes }: StagedFile): Promise<void> {
  const source = await open(temporary, 'r');
  try {
    const target = await open(place.path, 'r+');
    try {
      // Its permissions first: nobody shall read the new content with the old ones.
      await applyAttributes(target, attributes);
      await target.truncate(0);
      await target.writeFile(source.createReadStream({ autoClose: false }));
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
  await rm(temporary);
}

/** The owner first, since a change of owner takes setuid and setgid away. */
async function applyAttributes(handle: FileHandle, { mode, owner }: Attributes): Promise<void> {
  if (owner !== undefined) await handle.chown(owner.uid, owner.gid);
  await handle.chmod(mode);
}
