/** How the end of the worker becomes the end of the run. */
import type { ProcessExit } from '../supervision/process.ts';
import { exitCodeOfSignal } from './signals.ts';

/** The worker's own code, unchanged; 128 + the signal's number where a signal ended it. */
export function exitCodeOf(exit: ProcessExit): number {
  if (exit.signal !== undefined) return exitCodeOfSignal(exit.signal);
  return exit.code ?? 0;
}

/** The same for people. */
export function describeExit(exit: ProcessExit): string {
  return exit.signal === undefined ? `exited with code ${exit.code ?? 0}` : `was ended by ${exit.signal}`;
}
