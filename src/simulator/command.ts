/** Runs the command behind `--`. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { messageOf, RunnerError, systemCode } from '../errors.ts';
import type { EndSignals } from './end-signals.ts';

/**
 * Runs a command to its end, with our terminal as its own and every end signal passed on.
 * @returns its exit code, or 128 + n where signal n ended it
 * @throws RunnerError with exit `usage` where it cannot be started
 */
export function runCommand(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  signals: EndSignals,
): Promise<number> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    // A process group of its own: Ctrl-C would reach the command from the terminal and from us, and the second one of
    // a pair means "at once" to start-worker.
    const child = spawn(program, args, { env, stdio: 'inherit', detached: true });
    child.on('error', error => reject(startError(program, error)));
    child.on('spawn', () => signals.onSignal(signal => void child.kill(signal)));
    child.on('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}

function startError(program: string, error: unknown): RunnerError {
  const reason = startProblem(systemCode(error)) ?? messageOf(error);
  return new RunnerError('command.start', `the command ${program} cannot be run: ${reason}`, {
    exit: 'usage',
    cause: error,
  });
}

function startProblem(code: string | undefined): string | undefined {
  if (code === 'ENOENT') return 'there is no such program';
  if (code === 'EACCES') return 'it is not executable';
  return undefined;
}
