import { fchmodSync, fstatSync } from 'node:fs';
import { messageOf, systemCode } from '../errors.ts';

/** Reading, writing and executing by the group and by everyone else. */
const OTHERS = 0o077;

/**
 * Takes a config file with a secret in it away from everyone but its owner (bug 2032277: such files were left readable
 * by the tasks of the machine). Gives the warning to log, if there is anything to say; never fails: a read-only mount or
 * another owner is no reason not to start.
 */
export function keepPrivate(path: string, descriptor: number, checkOnly: boolean): string | undefined {
  // The mode bits of Windows say nothing about who may read.
  if (process.platform === 'win32') return undefined;
  const mode = fstatSync(descriptor).mode & 0o7777;
  if ((mode & OTHERS) === 0) return undefined;
  const holds = `${path} holds a secret, which its mode ${octal(mode)} opens to others`;
  const tightened = mode & ~OTHERS;
  if (checkOnly) return `${holds}; a start will change it to ${octal(tightened)}`;
  try {
    fchmodSync(descriptor, tightened);
    return `${holds}; changed to ${octal(tightened)}`;
  } catch (error) {
    const reason = systemCode(error) ?? messageOf(error);
    return `${holds}; it could not be changed (${reason}): give it the mode 0600 where it is made`;
  }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
