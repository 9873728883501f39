/** The two kinds of things that go wrong with a file: its source is wrong, or the local disk does not take it. */
import { basename, dirname } from 'node:path';
import { RunnerError, systemCode } from '../errors.ts';

/** How the name of every file begins that is written beside its target until it is whole. */
export const TEMPORARY_PREFIX = '.worker-runner-';

interface Reason {
  readonly what: string;
  readonly advice: string;
}

const MAY_WRITE = 'run start-worker as a user that may write there, or correct the path';
const CORRECT_PATH = 'correct the path, or remove what stands there';
const MAKE_ROOM = 'make room on the disk, or use a larger one';

const REASONS: Readonly<Record<string, Reason>> = {
  EACCES: { what: 'permission denied', advice: MAY_WRITE },
  EPERM: { what: 'operation not permitted', advice: MAY_WRITE },
  EROFS: { what: 'the filesystem is read-only', advice: 'choose a path on a writable filesystem' },
  ENOSPC: { what: 'the disk is full', advice: MAKE_ROOM },
  EDQUOT: { what: 'the disk quota is used up', advice: MAKE_ROOM },
  EFBIG: { what: 'the file is too large for the filesystem', advice: MAKE_ROOM },
  EISDIR: { what: 'a folder stands there', advice: CORRECT_PATH },
  ENOTDIR: { what: 'a part of the path is no folder', advice: CORRECT_PATH },
  ENOENT: { what: 'a part of the path does not exist', advice: CORRECT_PATH },
  ELOOP: { what: 'symlinks lead in a circle', advice: CORRECT_PATH },
  ENAMETOOLONG: { what: 'the name is too long', advice: 'choose a shorter path' },
};

/** The source is wrong: its author must correct it. The message names the wrong value, never the content. */
export function refusal(code: string, message: string, advice: string): RunnerError {
  return new RunnerError(code, message, { exit: 'badSource', advice });
}

/** The local disk does not take the file at `path`: `what` says why. */
export function localFault(path: string, what: string, advice: string, cause?: unknown): RunnerError {
  return new RunnerError('files.write', `cannot write ${JSON.stringify(path)}: ${what}`, {
    exit: 'files',
    advice,
    cause,
  });
}

/** The same for a system error's code, such as EISDIR. */
export function systemFault(code: string, path: string, cause?: unknown): RunnerError {
  const { what, advice } = reasonOf(code);
  return localFault(path, `${what} (${code})`, advice, cause);
}

function reasonOf(code: string): Reason {
  return REASONS[code] ?? { what: 'the system refused it', advice: CORRECT_PATH };
}

/** A system error as a fault of the place that it names; every other error as it is. */
export function explainSystemError(error: unknown, path: string): unknown {
  const code = systemCode(error);
  if (error instanceof RunnerError || code === undefined || !hasErrno(error)) return error;
  const named = 'path' in error && typeof error.path === 'string' ? error.path : path;
  if (!basename(named).startsWith(TEMPORARY_PREFIX)) return systemFault(code, named, error);
  // A temporary name means nothing to the reader: it is for the file that was asked for, and its folder is the place.
  const { what, advice } = reasonOf(code);
  return localFault(path, `${what} (${code}) in ${JSON.stringify(dirname(named))}`, advice, error);
}

/** Errors of system calls carry a number; Node's own (ERR_INVALID_ARG_VALUE, …) do not, and are ours to repair. */
function hasErrno(error: unknown): error is Error & { readonly errno: number } {
  return error instanceof Error && 'errno' in error && typeof error.errno === 'number';
}
