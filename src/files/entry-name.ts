/** Names inside an archive: what they mean as a path below the target, or why they are refused. */
import { isUtf8 } from 'node:buffer';
import { refusal } from './faults.ts';

export interface EntryName {
  /** The folders on the way and the name itself; empty for the target itself. None is empty, `.` or `..`. */
  readonly parts: readonly string[];
  /** A slash at the end makes a folder. */
  readonly isFolder: boolean;
  /** For error messages: quoted, with control characters escaped. */
  readonly quoted: string;
}

/** Linux's PATH_MAX in bytes; no system has longer paths. */
const LONGEST = 4096;
/** More folders than any honest archive nests: the work for each name grows with their number. */
const DEEPEST = 128;

const SHORTER = 'make the archive with shorter names';

/**
 * Reads the raw name of an entry. A backslash separates like a slash, as archives from Windows write it; names must be
 * UTF-8, since what else they are nobody can tell.
 * @throws RunnerError `files.zip-escape` for a name that could lead out of the target (`..`, absolute, drive letter),
 *   `files.zip-name` for one that no file can have
 */
export function readEntryName(raw: Buffer): EntryName {
  if (raw.length > LONGEST) {
    throw refusal(
      'files.zip-name',
      `the name of an entry has ${raw.length} bytes; ${LONGEST} are possible`,
      SHORTER,
    );
  }
  const quoted = JSON.stringify(raw.toString('utf8'));
  if (!isUtf8(raw)) {
    const advice = 'make the archive with UTF-8 names';
    throw refusal('files.zip-name', `the name of entry ${quoted} is not UTF-8`, advice);
  }
  const name = raw.toString('utf8').replaceAll('\\', '/');
  if (name === '' || name.includes('\0')) {
    throw refusal(
      'files.zip-name',
      `entry ${quoted} has no name that a file can have`,
      'make the archive again; it may be damaged',
    );
  }
  if (name.startsWith('/')) throw refuseEscape(quoted, 'its name is absolute');
  if (/^[A-Za-z]:/.test(name)) throw refuseEscape(quoted, 'its name begins with a drive letter');
  const parts = name.split('/').filter(part => part !== '' && part !== '.');
  if (parts.includes('..')) throw refuseEscape(quoted, 'its name contains ".."');
  if (parts.length > DEEPEST) {
    throw refusal(
      'files.zip-name',
      `entry ${quoted} is ${parts.length} names deep; ${DEEPEST} are allowed`,
      SHORTER,
    );
  }
  const isFolder = /(^|\/)\.?$/.test(name);
  return { parts, isFolder, quoted };
}

/** The refusal of an entry that could end up outside of the folder it is unpacked into. */
export function refuseEscape(quoted: string, why: string): Error {
  return refusal(
    'files.zip-escape',
    `entry ${quoted} would leave the folder that the archive is unpacked into: ${why}`,
    'make the archive with relative names, and with symlinks that stay inside it',
  );
}
