/**
 * What a program is given back that a child would else have from us: the usual oom_score_adj, and the soft limit of open
 * files that we were started with. Node raises its own to the hard one before any JavaScript runs, a child inherits that,
 * and programs that close or poll every possible descriptor then take long (or run out of memory) where the hard limit is
 * a million.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { openFilesOf, originalOpenFiles } from './open-files.ts';

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

export interface DefaultsRestorer {
  /**
   * The command that sets these and then becomes this one: same process id, same environment. The command itself
   * where nothing has to be done, or nothing can be.
   */
  readonly wrap: (command: Command) => Command;
  /** Why the limit is left as Node raised it, for the log; undefined where it is not. */
  readonly obstacle: string | undefined;
  /** To be called at once when the program was started: does what the command could not do. Never rejects. */
  afterStart(pid: number): Promise<void>;
}

const SHELL = '/bin/sh';

/** Names that a shell can hold as variables; some shells (dash) lose the others on the way. */
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Variables that shells set where they find none. */
const SET_BY_SHELLS = ['PWD', 'OLDPWD', 'SHLVL', '_'];

/**
 * @param ours our own environment, as the launcher gave it to us
 * @param env the environment that the program is given
 * @param wanted the limit that it shall have, instead of ours
 */
export async function createDefaultsRestorer(
  ours: NodeJS.ProcessEnv,
  env: Readonly<Record<string, string>>,
  wanted?: number,
): Promise<DefaultsRestorer> {
  const [limit, isSet, oomScore] = await Promise.all([
    wanted ?? originalOpenFiles(ours),
    openFilesOf('self'),
    oomScoreOf('self'),
  ]);
  const resets = oomScore !== undefined && oomScore !== 0;
  const limits = limit !== undefined && limit !== isSet;
  const afterStart = (pid: number) => (resets ? resetOomScore(pid) : Promise.resolve());
  if (process.platform === 'win32' || (!resets && !limits)) {
    return { wrap: command => command, obstacle: undefined, afterStart };
  }
  // Only a shell can set the limit, and a variable can be brought past one only as an argument, which everyone may read.
  const nameless = Object.keys(env).filter(name => !SHELL_NAME.test(name));
  if (nameless.length > 0) {
    if (!limits) return { wrap: command => command, obstacle: undefined, afterStart };
    const obstacle = `the limit of open files stays as Node raised it, not ${limit}: /bin/sh, which sets it, would lose ${nameless.join(', ')} from the environment`;
    return { wrap: command => command, obstacle, afterStart };
  }
  const steps = [
    ...(limits ? [`ulimit -Sn ${limit} 2>/dev/null`] : []),
    ...(resets ? [RESET_OOM_SCORE] : []),
  ];
  return { wrap: command => throughShell(command, steps, env), obstacle: undefined, afterStart };
}

/** What the service manager set for us, and a child inherits. The worker's own is that of any program. */
const RESET_OOM_SCORE = '{ echo 0 >/proc/self/oom_score_adj; } 2>/dev/null';

/** undefined on other systems than Linux. */
export async function oomScoreOf(process: number | 'self'): Promise<number | undefined> {
  try {
    return Number(await readFile(`/proc/${process}/oom_score_adj`, 'utf8'));
  } catch {
    return undefined;
  }
}

async function resetOomScore(pid: number): Promise<void> {
  // Where it may not be set, it stays; it is done already where a shell was the start.
  await writeFile(`/proc/${pid}/oom_score_adj`, '0').catch(() => undefined);
}

function throughShell(
  { file, args }: Command,
  steps: readonly string[],
  env: Readonly<Record<string, string>>,
): Command {
  const foreign = SET_BY_SHELLS.filter(name => env[name] === undefined);
  // What can't be set stays, and the program runs all the same.
  const script = [...steps, `unset ${foreign.join(' ')} 2>/dev/null`, 'exec "$@"'].join('; ');
  return { file: SHELL, args: ['-c', script, SHELL, file, ...args] };
}
