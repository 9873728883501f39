/** Ends this machine, by the command that does it here. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Clock } from '../clock.ts';
import { messageOf, RunnerError } from '../errors.ts';
import { withoutLauncherVariables } from '../launcher-variables.ts';
import { settlesWithin } from '../settles-within.ts';
import { unlessAborted } from '../unless-aborted.ts';

const TRIES = 3;
const BETWEEN_TRIES_MS = 5_000;

/** How long the command may run. It only asks for the end of the machine, and has nothing to wait for. */
const COMMAND_MS = 30_000;

/** What the command may leave behind can hold its output for ever. */
const LAST_OUTPUT_MS = 1_000;

/** More than a command that ends a machine has to say. */
const MAX_OUTPUT = 10_000;

export interface HaltOptions {
  /** Program and arguments; no shell reads them. The program is sought in PATH. */
  readonly command: readonly string[];
  /** Our own environment, as the launcher gave it to us. */
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** How long we may stay for it. A command that still runs then is left to do its work without us, … */
  readonly withinMs: number;
  /** … and so is one that runs when this fires. */
  readonly over: AbortSignal;
  /** Takes what the command wrote, a line at a time, and what went wrong with a try. */
  readonly tell: (line: string) => void;
}

/**
 * Runs the command until it succeeds, a few times at most. Resolves once the machine's end was asked for, or may have
 * been: where `signal` fires while the command runs and another ends the command, that is the end of the machine at
 * work.
 * @param signal ends the waiting for another try, but no try that has begun
 * @throws RunnerError `host.not-halted`; the signal's reason
 */
export async function haltHost(options: HaltOptions, signal: AbortSignal): Promise<void> {
  const shown = options.command.join(' ');
  const untilMs = options.clock.elapsed() + options.withinMs;
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted();
    const problem = await problemOf(options, untilMs);
    if (problem === undefined) return;
    if (problem.killed && signal.aborted) {
      options.tell(`\`${shown}\` ${problem.words} while we were asked to end as well: it is not tried again`);
      return;
    }
    if (tries === TRIES || options.clock.elapsed() + BETWEEN_TRIES_MS >= untilMs) {
      throw new RunnerError('host.not-halted', `this machine is kept: \`${shown}\` ${problem.words}`, {
        exit: 'internal',
        advice: 'end this machine by hand, and check lifecycle.shutdownCommand and whether we may run it',
      });
    }
    options.tell(
      `\`${shown}\` ${problem.words} (try ${tries} of ${TRIES}); next try in ${BETWEEN_TRIES_MS / 1000} s`,
    );
    await options.clock.sleep(BETWEEN_TRIES_MS, signal);
  }
}

interface Problem {
  readonly words: string;
  /** Whether a signal of others ended the command. */
  readonly killed: boolean;
}

/** Runs the command once, and says why it failed, or nothing where it did not. */
async function problemOf(options: HaltOptions, untilMs: number): Promise<Problem | undefined> {
  const { command, env, clock, over, tell } = options;
  const [file = '', ...args] = command;
  let child: ChildProcess;
  try {
    child = spawn(file, args, {
      env: withoutLauncherVariables(env),
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
    });
  } catch (error) {
    return notStarted(error);
  }
  let output = '';
  // Where there were too many open files, it has none.
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(0, MAX_OUTPUT);
    });
  }
  const closed = new Promise(resolve => child.once('close', resolve));
  const ended = new Promise<Problem | undefined>(resolve => {
    child.once('error', error => resolve(notStarted(error)));
    // Not `close`: that waits for whoever else holds the output.
    child.once('exit', (code, signal) => {
      if (signal !== null) resolve({ words: `was ended by ${signal}`, killed: true });
      else resolve(code === 0 ? undefined : { words: `failed with exit code ${code ?? '?'}`, killed: false });
    });
  });

  /** Waits no longer than until `over`. */
  function endsWithin(promise: Promise<unknown>, timeoutMs: number): Promise<boolean> {
    return settlesWithin(unlessAborted(promise, over), timeoutMs, clock).catch(() => false);
  }
  const leftMs = untilMs - clock.elapsed();
  const inTime = await endsWithin(ended, Math.min(COMMAND_MS, leftMs));
  const isLeft = !inTime && (leftMs < COMMAND_MS || over.aborted);
  if (!inTime) {
    if (!isLeft) child.kill('SIGKILL');
    // One of another user (sudo) goes on, and must not keep us.
    child.unref();
  }
  if (child.pid !== undefined && !isLeft) await endsWithin(closed, LAST_OUTPUT_MS);
  child.stdout?.destroy();
  child.stderr?.destroy();
  for (const line of output.split(/\r?\n/)) if (line.trim() !== '') tell(`${file}: ${line}`);
  if (inTime) return ended;
  if (isLeft) {
    tell(`\`${command.join(' ')}\` still runs, and there is no more time to see it end`);
    return undefined;
  }
  return { words: `did not end within ${COMMAND_MS / 1000} s, and was killed`, killed: false };
}

function notStarted(error: unknown): Problem {
  return { words: `could not be started: ${messageOf(error)}`, killed: false };
}
