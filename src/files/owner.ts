/** `owner: user[:group]` as the numbers that the system wants. */
import { findAccount } from '../platform/accounts.ts';
import { refusal } from './faults.ts';

export interface Owner {
  readonly uid: number;
  /** -1 leaves the group as it is. */
  readonly gid: number;
}

/**
 * Resolves `user` or `user:group` by the local databases (no NSS: no LDAP names), or numeric ids. Without a group it
 * is the user's own, where the user is known. The schema has checked the form.
 * @throws RunnerError `files.owner` where the name is unknown, or on Windows
 */
export async function resolveOwner(owner: string): Promise<Owner> {
  if (process.platform === 'win32') {
    throw refusal('files.owner', `owner ${quote(owner)}: not possible on Windows`, 'leave owner out');
  }
  const account = await findAccount(owner);
  if ('unknown' in account) {
    const { kind, name, database } = account.unknown;
    throw refusal(
      'files.owner',
      `owner: the ${kind} ${quote(name)} is not in ${database} and is no numeric id`,
      `create the ${kind} in the machine's image, or correct the owner`,
    );
  }
  return { uid: account.uid, gid: account.gid ?? -1 };
}

function quote(text: string): string {
  return JSON.stringify(text);
}
