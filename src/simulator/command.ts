/** Runs the command behind `--`. */
import { spawn } from 'node:child_process';
import { constants as fsConstants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { messageOf, RunnerError, systemCode } from '../errors.ts';
import type { Command } from '../platform/restore-defaults.ts';
import type { EndSignals } from './end-signals.ts';

/**
 * Runs a command to its end, with our terminal as its own and every end signal passed on.
 * @param wrap makes the command that becomes this one
 * @returns its exit code, or 128 + n where signal n ended it
 * @throws RunnerError with exit `usage` where it cannot be started
 */
export async function runCommand(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  wrap: (command: Command) => Command,
  signals: EndSignals,
): Promise<number> {
  const [program = '', ...programArgs] = command;
  const plain = { file: program, args: programArgs };
  // What cannot be started is left to the system to refuse: a shell in between would make an exit code of it.
  const { file, args } = (await isStartable(program, env.PATH ?? '')) ? wrap(plain) : plain;
  return new Promise((resolve, reject) => {
    // A process group of its own: Ctrl-C would reach the command from the terminal and from us, and the second one of
    // a pair means "at once" to start-worker.
    const child = spawn(file, args, { env, stdio: 'inherit', detached: true });
    child.on('error', error => reject(startError(program, error)));
    child.on('spawn', () => signals.onSignal(signal => void child.kill(signal)));
    child.on('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}

async function isStartable(program: string, path: string): Promise<boolean> {
  const places = program.includes('/') ? [program] : path.split(':').map(folder => join(folder, program));
  for (const place of places) {
    try {
      await access(place, fsConstants.X_OK);
      if ((await stat(place)).isFile()) return true;
    } catch {
      // Not there.
    }
  }
  return false;
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
