/**
 * Gives a program the soft limit of open files that we were started with. Node raises its own to the hard one before
 * any JavaScript runs, a child inherits that, and programs that close or poll every possible descriptor then take long
 * (or run out of memory) where the hard limit is a million.
 */
import { openFilesOf, originalOpenFiles, type OpenFilesLimit } from './open-files.ts';

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

export interface OpenFilesRestorer {
  /**
   * The command that sets the limit and then becomes this one: same process id, same environment. The command itself
   * where nothing has to be done, or nothing can be.
   */
  readonly wrap: (command: Command) => Command;
  /** Why the limit is left as Node raised it, for the log; undefined where it is not. */
  readonly obstacle: string | undefined;
}

const SHELL = '/bin/sh';

/** Names that a shell can hold as variables; some shells (dash) lose the others on the way. */
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Variables that shells set where they find none. */
const SET_BY_SHELLS = ['PWD', 'OLDPWD', 'SHLVL', '_'];

/**
 * @param ours our own environment, as the launcher gave it to us
 * @param env the environment that the program is given
 */
export async function createOpenFilesRestorer(
  ours: NodeJS.ProcessEnv,
  env: Readonly<Record<string, string>>,
): Promise<OpenFilesRestorer> {
  const limit = await originalOpenFiles(ours);
  if (limit === undefined || process.platform === 'win32' || limit === (await openFilesOf('self'))) {
    return { wrap: command => command, obstacle: undefined };
  }
  // Only a shell can set the limit, and a variable can be brought past one only as an argument, which everyone may read.
  const nameless = Object.keys(env).filter(name => !SHELL_NAME.test(name));
  if (nameless.length > 0) {
    const obstacle = `the limit of open files stays as Node raised it, not ${limit}: /bin/sh, which sets it, would lose ${nameless.join(', ')} from the environment`;
    return { wrap: command => command, obstacle };
  }
  return { wrap: command => throughShell(command, limit, env), obstacle: undefined };
}

function throughShell(
  { file, args }: Command,
  limit: OpenFilesLimit,
  env: Readonly<Record<string, string>>,
): Command {
  const foreign = SET_BY_SHELLS.filter(name => env[name] === undefined);
  // The limit was ours a moment ago: where it can't be set, the program runs all the same.
  const script = `ulimit -Sn "$1" 2>/dev/null; shift; unset ${foreign.join(' ')} 2>/dev/null; exec "$@"`;
  return { file: SHELL, args: ['-c', script, SHELL, String(limit), file, ...args] };
}
