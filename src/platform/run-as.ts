/** Starts a program as another user. POSIX only. */
import { realpath } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from './restore-defaults.ts';
import { runCommand } from './run-command.ts';

export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

export interface RunAs {
  /** The command that becomes this one as that user, with its supplementary groups: same process id, same environment. */
  readonly wrap: (command: Command) => Command;
  /** Where the system has no such command: to be given to spawn(), which takes all supplementary groups away. */
  readonly ids: Ids | undefined;
  /**
   * Tries it: what the system says against it, if anything. The exit code of `wrap`'s command would pass for the
   * program's.
   */
  hindrance(): Promise<string | undefined>;
}

/** Of util-linux. BusyBox has a program of that name that changes no user. */
const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv'];

/** A machine that boots has much to do. */
const TRY_MS = 10_000;

/** @param known whether the user is in the system's databases, so that its groups are known */
export async function createRunAs({ uid, gid }: Ids, known: boolean): Promise<RunAs> {
  const setpriv = await findSetpriv();
  if (setpriv === undefined) {
    // Where spawn() may not, it says so.
    return { wrap: command => command, ids: { uid, gid }, hindrance: () => Promise.resolve(undefined) };
  }
  const groups = known ? '--init-groups' : '--clear-groups';
  const change = [`--reuid=${uid}`, `--regid=${gid}`, groups, '--'];
  return {
    wrap: ({ file, args }) => ({ file: setpriv, args: [...change, file, ...args] }),
    ids: undefined,
    hindrance: () => failureOf(setpriv, [...change, setpriv, '--version']),
  };
}

/** What a command that fails says; undefined also where it takes too long to tell. */
async function failureOf(file: string, args: readonly string[]): Promise<string | undefined> {
  const { error, stderr } = await runCommand(file, args, { timeoutMs: TRY_MS, env: {} });
  if (error === undefined || error.killed === true) return undefined;
  return stderr.trim() || error.message;
}

async function findSetpriv(): Promise<string | undefined> {
  for (const path of SETPRIV) {
    const real = await realpath(path).catch(() => undefined);
    if (real !== undefined && basename(real) === 'setpriv') return path;
  }
  return undefined;
}
