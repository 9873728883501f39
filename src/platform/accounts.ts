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

const PASSWD = '/etc/passwd';
const GROUP = '/etc/group';

/** The largest id; the one above it, (uid_t)-1, means "leave as it is" to chown(2). */
const LARGEST_ID = 0xffff_fffe;

/** What `user` or `user:group` means here. */
export interface Account {
  readonly uid: number;
  /** The one named, else the user's own; undefined where the system does not know the user. */
  readonly gid: number | undefined;
  readonly user: User | undefined;
}

/** The half of it that is neither known here nor a numeric id. */
export interface UnknownAccount {
  readonly kind: 'user' | 'group';
  readonly name: string;
  readonly database: string;
}

/** @param text `user` or `user:group`, each a name or a numeric id */
export async function findAccount(text: string): Promise<Account | { readonly unknown: UnknownAccount }> {
  const [userName = '', groupName] = text.split(':');
  const user = await findUser(userName);
  const uid = user?.uid ?? idOf(userName);
  if (uid === undefined) return { unknown: { kind: 'user', name: userName, database: PASSWD } };
  if (groupName === undefined) return { uid, gid: user?.gid, user };
  const gid = (await findGroup(groupName)) ?? idOf(groupName);
  if (gid === undefined) return { unknown: { kind: 'group', name: groupName, database: GROUP } };
  return { uid, gid, user };
}

/** @param user name or numeric id; a name is looked for first */
async function findUser(user: string): Promise<User | undefined> {
  const lines = await readDatabase(PASSWD);
  const fields = lines.find(([name]) => name === user) ?? lines.find(([, , uid]) => uid === user);
  const [name = '', , uid, gid, , home = '', shell = ''] = fields ?? [];
  const ids = { uid: idOf(uid), gid: idOf(gid) };
  if (ids.uid === undefined || ids.gid === undefined) return undefined;
  return { name, uid: ids.uid, gid: ids.gid, home, shell };
}

/** @param name no numeric id */
async function findGroup(name: string): Promise<number | undefined> {
  const lines = await readDatabase(GROUP);
  return idOf(lines.find(([known]) => known === name)?.[2]);
}

/** A numeric id, or nothing where the text is none. */
function idOf(text: string | undefined): number | undefined {
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
