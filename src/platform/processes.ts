/** The processes of this machine, told apart by more than an id that is given away again. */
import { readFile } from 'node:fs/promises';
import { runCommand } from './run-command.ts';

/** Which process it is: no other one of this machine has had both, not even before a reboot. */
export interface ProcessMark {
  readonly pid: number;
  readonly startTime: string;
}

export interface Processes {
  /** Our own id. */
  readonly self: number;
  /** When a process was started, in the system's own terms; undefined where it is gone or the system does not say. */
  startTimeOf(pid: number): Promise<string | undefined>;
  /** Signals the process alone; false where that is not possible. */
  kill(pid: number, signal: NodeJS.Signals): boolean;
  /** Signals the process group that it leads. */
  killGroup(pid: number, signal: NodeJS.Signals): boolean;
}

/** Whether that very process is still there. */
export async function isAlive({ pid, startTime }: ProcessMark, processes: Processes): Promise<boolean> {
  return (await processes.startTimeOf(pid)) === startTime;
}

export const systemProcesses: Processes = {
  self: process.pid,
  startTimeOf: pid => (process.platform === 'linux' ? fromProc(pid) : fromPs(pid)),
  kill: (pid, signal) => trySignal(pid, signal),
  killGroup: (pid, signal) => trySignal(-pid, signal),
};

async function fromProc(pid: number): Promise<string | undefined> {
  try {
    const [stat, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    return parseStat(stat, boot.trim());
  } catch {
    return undefined;
  }
}

/**
 * @param stat /proc/<pid>/stat: the second field is the program's name in brackets, which may hold anything; the third is
 *   the state, the 22nd when it was started, in ticks since the boot
 */
export function parseStat(stat: string, bootId: string): string | undefined {
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = rest[18];
  // One that is dead, and only waits for its parent to hear of it, does nothing any more.
  if (ticks === undefined || state === 'Z' || state === 'X') return undefined;
  return `${bootId}:${ticks}`;
}

/** On systems without /proc; Windows says nothing. */
async function fromPs(pid: number): Promise<string | undefined> {
  if (process.platform === 'win32') return undefined;
  const env = { PATH: process.env.PATH, LC_ALL: 'C' };
  const args = ['-o', 'lstart=', '-p', String(pid)];
  const { error, stdout } = await runCommand('ps', args, { timeoutMs: 2000, env });
  const text = stdout.trim();
  return error === undefined && text !== '' ? text : undefined;
}

function trySignal(target: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(target, signal);
  } catch {
    // ESRCH: it is gone. EPERM: it is another user's.
    return false;
  }
}
