/** Unpacking an archive: all of it, or nothing. */
import type { Archive } from './archive.ts';
import { forEachAtOnce } from './at-once.ts';
import { type Changes, withChanges } from './changes.ts';
import { type EntryName, refuseEscape } from './entry-name.ts';
import { systemFault } from './faults.ts';
import { makeFolders } from './folders.ts';
import { contentOf } from './inflate.ts';
import { placeLink, planLink, type PlannedLink } from './links.ts';
import type { Owner } from './owner.ts';
import { descend, isInside, locate, type Place } from './place.ts';
import { placeFile, type StagedFile, stageFile } from './stage.ts';

/** Files written at the same time: fsync waits for the disk, and the disk takes several in one go. */
const AT_ONCE = 8;

export interface UnpackOptions {
  /** For every file, whatever the archive says. */
  readonly mode: number | undefined;
  /** For files of which the archive says nothing. */
  readonly defaultMode: number;
  /** For every file and every folder that is made. */
  readonly owner: Owner | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Unpacks an archive into the folder `target`, which is made where it is missing. Every file is unpacked beside its
 * place and checked before the first one gets its name; whatever fails, what was made is removed again. (An older
 * file that a new one has already replaced does not come back: that takes a disk fault among the renames.)
 *
 * Symlinks that stand inside the target are followed where they lead to a place inside it, so that an archive can be
 * unpacked to `/` of a system whose /bin is a symlink to /usr/bin. Symlinks of the archive itself are made where they
 * lead to a place inside it too.
 * @throws RunnerError `files.zip-escape` where one leads out of it; `files.zip-content`; `files.write`
 */
export async function unpack(archive: Archive, target: string, options: UnpackOptions): Promise<void> {
  const root = await locate(target);
  checkFolder(root);
  const resolve = createResolver(root);
  await withChanges(async changes => {
    const folders: Place[] = [root];
    for (const name of archive.folders) {
      const folder = await resolve(name);
      checkFolder(folder);
      folders.push(folder);
    }
    const links = await planLinks(archive, root, resolve, options.signal);
    const staged = await stageAll(archive, resolve, options, changes);
    for (const folder of [...folders, ...links.map(link => link.folder)]) {
      await makeFolders(folder.existing, folder.path, options.owner, changes);
    }
    for (const file of staged) await placeFile(file, changes);
    // Last of all: nothing of this archive is written through them.
    for (const link of links) await placeLink(link, options.owner, changes);
  });
}

async function planLinks(
  archive: Archive,
  root: Place,
  resolve: (name: EntryName) => Promise<Place>,
  signal: AbortSignal | undefined,
): Promise<readonly PlannedLink[]> {
  const links: PlannedLink[] = [];
  for (const link of archive.links) {
    const folder = await resolve({ ...link.name, parts: link.name.parts.slice(0, -1) });
    checkFolder(folder);
    links.push(await planLink(link, folder, root, signal));
  }
  return links;
}

function checkFolder(place: Place): void {
  if (place.kind === 'file' || place.kind === 'special') throw systemFault('ENOTDIR', place.path);
}

async function stageAll(
  archive: Archive,
  resolve: (name: EntryName) => Promise<Place>,
  options: UnpackOptions,
  changes: Changes,
): Promise<readonly StagedFile[]> {
  const staged: StagedFile[] = [];
  await forEachAtOnce(archive.files, AT_ONCE, async (file, index) => {
    const mode = options.mode ?? file.mode ?? options.defaultMode;
    const place = await resolve(file.name);
    const content = contentOf(file, options.signal);
    staged[index] = await stageFile(place, content, { mode, owner: options.owner }, changes);
  });
  return staged;
}

/** Finds the places of entries below a root. Each folder is looked at once, however many entries it has. */
function createResolver(root: Place): (name: EntryName) => Promise<Place> {
  const known = new Map<string, Place>();

  async function resolve(parts: readonly string[], name: EntryName): Promise<Place> {
    const last = parts.at(-1);
    if (last === undefined) return root;
    const key = parts.join('/');
    const seen = known.get(key);
    if (seen !== undefined) return seen;
    const place = await descend(await resolve(parts.slice(0, -1), name), last);
    if (!isInside(root, place)) throw refuseEscape(name.quoted, 'a symlink on its way leads out of it');
    known.set(key, place);
    return place;
  }

  return name => resolve(name.parts, name);
}
