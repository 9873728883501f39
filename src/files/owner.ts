/** `owner: user[:group]` as the numbers that the system wants. */
import { readFile } from 'node:fs/promises';
import { systemCode } from '../errors.ts';
import { refusal } from './faults.ts';

export interface Owner {
  readonly uid: number;
  /** -1 leaves the group as it is. */
  readonly gid: number;
}

/** The largest id; the one above it, (uid_t)-1, means "leave as it is" to chown(2). */
const LARGEST_ID = 0xffff_fffe;

/**
 * Resolves `user` or `user:group` by the local databases (no NSS: no LDAP names), or numeric ids. Without a group it
 * is the user's own, where the user is known. The schema has checked the form.
 * @throws RunnerError `files.owner` where the name is unknown, or on Windows
 */
export async function resolveOwner(owner: string): Promise<Owner> {
  if (process.platform === 'win32') {
    throw refusal('files.owner', `owner ${quote(owner)}: not possible on Windows`, 'leave owner out');
  }
  const [userName = '', groupName] = owner.split(':');
  const user = findLine(await readDatabase('/etc/passwd'), userName);
  const uid = numberOf(user?.[2]) ?? numberOf(userName);
  if (uid === undefined) throw unknown('user', userName, '/etc/passwd');
  if (groupName === undefined) return { uid, gid: numberOf(user?.[3]) ?? -1 };
  const group = findLine(await readDatabase('/etc/group'), groupName);
  const gid = numberOf(group?.[2]) ?? numberOf(groupName);
  if (gid === undefined) throw unknown('group', groupName, '/etc/group');
  return { uid, gid };
}

/** An image without the file (a distroless container) has only numeric ids. */
async function readDatabase(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return '';
    throw error;
  }
}

function findLine(database: string, name: string): readonly string[] | undefined {
  const line = database.split('\n').find(candidate => candidate.startsWith(`${name}:`));
  return line?.split(':');
}

function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= LARGEST_ID ? id : undefined;
}

function unknown(kind: string, name: string, database: string): Error {
  return refusal(
    'files.owner',
    `owner: the ${kind} ${quote(name)} is not in ${database} and is no numeric id`,
    `create the ${kind} in the machine's image, or correct the owner`,
  );
}

function quote(text: string): string {
  return JSON.stringify(text);
}
