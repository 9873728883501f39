/**
 * Where a path leads. Symlinks are followed here, one by one, and not left to the system: a file is written beside
 * its target and renamed, and a rename would replace the link instead of the file behind it; and an archive must not
 * leave its target through one.
 */
import type { Stats } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { dirname, isAbsolute, join, parse, sep } from 'node:path';
import { systemCode } from '../errors.ts';
import { localFault, systemFault } from './faults.ts';

export interface Place {
  /** Absolute; no part of it that exists is a symlink. */
  readonly path: string;
  /** `special` is a device, a FIFO or a socket. */
  readonly kind: 'folder' | 'file' | 'missing' | 'special';
  /** The deepest folder that exists, at the path or above it: what is written there is on the path's own filesystem. */
  readonly existing: string;
}

/** As many as Linux follows. */
const MOST_SYMLINKS = 40;

/** Set on folders such as /tmp: anybody may write there, but only an entry's owner may remove it. */
const STICKY_AND_OPEN = 0o1002;

/** `trusted`: only those of root and our own. Another user's could lead to another place at each time. */
export type LinksToFollow = 'any' | 'trusted';

/**
 * Where `path` leads; a relative one starts at the working directory.
 * @throws RunnerError `files.write` where it leads nowhere: through a file, in a circle, over a symlink not to be trusted
 */
export function locate(path: string, links: LinksToFollow = 'any'): Promise<Place> {
  return walk(path, undefined, { symlinks: 0, links });
}

/** Where the entry `name` of a place leads. */
export function descend(from: Place, name: string): Promise<Place> {
  return step(from, name, { symlinks: 0, links: 'any' });
}

/** Whether a place is `outer` or inside of it. */
export function isInside(outer: Place, place: Place): boolean {
  const prefix = outer.path.endsWith(sep) ? outer.path : outer.path + sep;
  return place.path === outer.path || place.path.startsWith(prefix);
}

interface Walk {
  symlinks: number;
  readonly links: LinksToFollow;
}

async function walk(path: string, base: Place | undefined, state: Walk): Promise<Place> {
  // Not path.resolve: for the system, `link/..` is the parent of the folder behind the link.
  const whole = base !== undefined || isAbsolute(path) ? path : process.cwd() + sep + path;
  const root = isAbsolute(whole) ? parse(whole).root : '';
  let place: Place =
    base !== undefined && root === '' ? base : { path: root, kind: 'folder', existing: root };
  const separators = process.platform === 'win32' ? /[/\\]/ : '/';
  for (const name of whole.slice(root.length).split(separators)) place = await step(place, name, state);
  return place;
}

async function step(from: Place, name: string, state: Walk): Promise<Place> {
  if (name === '' || name === '.') return from;
  if (from.kind === 'file' || from.kind === 'special') throw systemFault('ENOTDIR', from.path);
  const path = join(from.path, name);
  if (name === '..') {
    if (from.kind === 'missing') throw systemFault('ENOENT', from.path);
    return { path, kind: 'folder', existing: path };
  }
  const missing: Place = { path, kind: 'missing', existing: from.existing };
  if (from.kind === 'missing') return missing;
  const stats = await lstatIfThere(path);
  if (stats === undefined) return missing;
  if (stats.isDirectory()) return { path, kind: 'folder', existing: path };
  if (stats.isFile()) return { path, kind: 'file', existing: from.path };
  if (!stats.isSymbolicLink()) return { path, kind: 'special', existing: from.path };
  return follow(from, path, stats.uid, state);
}

async function follow(from: Place, link: string, owner: number, state: Walk): Promise<Place> {
  state.symlinks += 1;
  if (state.symlinks > MOST_SYMLINKS) throw systemFault('ELOOP', link);
  if (state.links === 'trusted' && owner !== 0 && owner !== process.geteuid?.()) {
    throw localFault(
      link,
      'it is a symlink of another user, who could let it lead anywhere',
      'remove the symlink, or correct the path',
    );
  }
  if (await isTrap(link, owner)) {
    throw localFault(
      link,
      "it is another user's symlink in a folder that anybody may write to",
      'remove the symlink, or correct the path',
    );
  }
  return walk(await readlink(link), from, state);
}

/**
 * Whether a symlink may be another user's trap: the rule of Linux's fs.protected_symlinks, which does not see us
 * reading links. A task could leave such a link in /tmp for the runner, which is root, to write through at its next
 * start.
 */
async function isTrap(link: string, owner: number): Promise<boolean> {
  const user = process.geteuid?.();
  if (user === undefined || owner === user) return false;
  const folder = await lstat(dirname(link));
  return (folder.mode & STICKY_AND_OPEN) === STICKY_AND_OPEN && owner !== folder.uid;
}

export async function lstatIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
