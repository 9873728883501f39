import { readFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { runCommand } from './run-command.ts';

/**
 * When this machine was booted, or nothing where the system does not say. worker-manager measures with it how long a
 * worker's start took.
 */
export async function systemBootTime(): Promise<Date | undefined> {
  return (await fromKernel()) ?? fromUptime();
}

async function fromKernel(): Promise<Date | undefined> {
  try {
    // Not os.uptime(): inside some containers it counts from the container's start.
    if (process.platform === 'linux') return parseProcStat(await readFile('/proc/stat', 'utf8'));
    if (process.platform === 'darwin' || process.platform === 'freebsd') {
      return parseKernBoottime(await sysctl('kern.boottime'));
    }
    return undefined;
  } catch {
    return undefined;
  }
}

/** The `btime` line of Linux's /proc/stat: seconds since the epoch. */
export function parseProcStat(text: string): Date | undefined {
  return fromSeconds(/^btime (\d+)$/m.exec(text)?.[1]);
}

/** What `sysctl -n kern.boottime` prints: `{ sec = 1700000000, usec = 0 } Tue Nov 14 …`. */
export function parseKernBoottime(text: string): Date | undefined {
  return fromSeconds(/\bsec = (\d+)/.exec(text)?.[1]);
}

function fromSeconds(seconds: string | undefined): Date | undefined {
  if (seconds === undefined) return undefined;
  const date = new Date(Number(seconds) * 1000);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function fromUptime(): Date | undefined {
  try {
    return new Date(Date.now() - uptime() * 1000);
  } catch {
    // os.uptime() throws where a sandbox hides the system's clock.
    return undefined;
  }
}

async function sysctl(name: string): Promise<string> {
  const { error, stdout } = await runCommand('sysctl', ['-n', name], { timeoutMs: 2000, env: process.env });
  if (error !== undefined) throw new Error(`sysctl ${name} failed`, { cause: error });
  return stdout;
}
