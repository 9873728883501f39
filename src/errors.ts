import { EXIT_CODES, type ExitCodeName } from './exit-codes.ts';

export interface RunnerErrorOptions {
  /** Decides the exit code; see exit-codes.ts. */
  readonly exit: ExitCodeName;
  /** More lines of the same kind, such as every mistake of a config file. Each is printed on a line of its own. */
  readonly details?: readonly string[];
  /** What the reader can do about it: one sentence. */
  readonly advice?: string;
  readonly cause?: unknown;
}

/**
 * The one error that users see: a stable `code` (such as `config.invalid`), one sentence that says what happened and
 * where (file:line:column, URL, key), and the exit code it leads to. Users never see its stack.
 * Neither message nor details may hold a secret value; the logger redacts them all the same.
 */
export class RunnerError extends Error {
  override readonly name = 'RunnerError';
  readonly code: string;
  readonly exit: ExitCodeName;
  readonly details: readonly string[];
  readonly advice: string | undefined;

  constructor(code: string, message: string, options: RunnerErrorOptions) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.exit = options.exit;
    this.details = options.details ?? [];
    this.advice = options.advice;
  }

  get exitCode(): number {
    return EXIT_CODES[this.exit].code;
  }
}

/** What an unknown thrown value has to say, without its stack. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The code of a system error (ENOENT, ECONNREFUSED, …), where it has one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
