/** A failure as people read it, and the exit code that it leads to. */
import { messageOf, RunnerError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import type { Log } from '../logging/log.ts';
import { SignalledError } from './signals.ts';

/** One clear entry a mistake. The stack is shown only for faults of our own. */
export function logFailure(error: unknown, log: Log): void {
  if (error instanceof SignalledError) {
    log.info(error.message);
  } else if (error instanceof RunnerError) {
    for (const line of failureLines(error)) log.error(line);
  } else {
    const stack = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
    log.error(`a fault of start-worker itself, please report it: ${stack}`);
  }
}

export function failureLines(error: RunnerError): readonly string[] {
  const advice = error.advice === undefined ? [] : [`what to do: ${error.advice}`];
  return [error.message, ...error.details, ...advice];
}

export function exitCodeOfFailure(error: unknown): number {
  return error instanceof RunnerError ? error.exitCode : EXIT_CODES.internal.code;
}
