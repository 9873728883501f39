/** Users and groups by the local databases (no NSS: no LDAP names). POSIX only. */
import { readFile } from 'node:fs/promises';
import { systemCode } from '../errors.ts';

export interface User {
  readonly name: string;
  readonly uid: number;
  /** The user's own group. */
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** The largest id; the one above it, (uid_t)-1, means "leave as it is" to chown(2). */
const LARGEST_ID = 0xffff_fffe;

/** @param user name or numeric id; a name is looked for first */
export async function findUser(user: string): Promise<User | undefined> {
  const lines = await readDatabase('/etc/passwd');
  const fields = lines.find(([name]) => name === user) ?? lines.find(([, , uid]) => uid === user);
  const [name = '', , uid, gid, , home = '', shell = ''] = fields ?? [];
  const ids = { uid: idOf(uid), gid: idOf(gid) };
  if (ids.uid === undefined || ids.gid === undefined) return undefined;
  return { name, uid: ids.uid, gid: ids.gid, home, shell };
}

/** @param name no numeric id */
export async function findGroup(name: string): Promise<number | undefined> {
  const lines = await readDatabase('/etc/group');
  return idOf(lines.find(([known]) => known === name)?.[2]);
}

/** A numeric id, or nothing where the text is none. */
export function idOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= LARGEST_ID ? id : undefined;
}

/** An image without the file (a distroless container) has only numeric ids. */
async function readDatabase(path: string): Promise<readonly (readonly string[])[]> {
  try {
    return (await readFile(path, 'utf8')).split('\n').map(line => line.split(':'));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}
