/**
 * Gives a worker the soft limit of open files that start-worker was started with. Node raises its own to the hard one
 * before any JavaScript runs, a child inherits that, and programs that close or poll every possible descriptor then
 * take long (or run out of memory) where the hard limit is a million.
 */
import { readFile } from 'node:fs/promises';

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

const SHELL = '/bin/sh';
const ENV = '/usr/bin/env';

/** Names that a shell can hold as variables; some shells (dash) lose the others on the way. */
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Variables that shells set where they find none. */
const SET_BY_SHELLS = ['PWD', 'OLDPWD', 'SHLVL', '_'];

/**
 * The command that sets the soft limit and then becomes `command`: same process id, same environment. The command
 * itself where nothing has to be done.
 */
export async function withOpenFiles(
  command: Command,
  openFiles: number | 'unlimited' | undefined,
  env: Readonly<Record<string, string>>,
): Promise<Command> {
  if (openFiles === undefined || process.platform === 'win32') return command;
  if (String(openFiles) === (await currentSoftLimit())) return command;
  const foreign = SET_BY_SHELLS.filter(name => env[name] === undefined);
  // The limit was ours a moment ago: where it can't be set, the worker runs all the same.
  const script = `ulimit -Sn "$1" 2>/dev/null; shift; unset ${foreign.join(' ')} 2>/dev/null; exec "$@"`;
  const nameless = Object.entries(env).filter(([name]) => !SHELL_NAME.test(name));
  const again = nameless.length === 0 ? [] : [ENV, ...nameless.map(([name, value]) => `${name}=${value}`)];
  return {
    file: SHELL,
    args: ['-c', script, SHELL, String(openFiles), ...again, command.file, ...command.args],
  };
}

/** Linux only; elsewhere the limit is set without a look. */
async function currentSoftLimit(): Promise<string | undefined> {
  try {
    return /^Max open files +(\S+)/m.exec(await readFile('/proc/self/limits', 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
