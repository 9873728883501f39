/**
 * What a failed try of a call means: words for people, whether to try again, and how the run ends if that does not
 * help.
 */
import type { ExitCodeName } from '../exit-codes.ts';

export interface Failure {
  /** The RunnerError's code, `taskcluster.*`. */
  readonly code: string;
  readonly exit: ExitCodeName;
  /** What happened, as it goes on after "failed: ". */
  readonly words: string;
  readonly retry: boolean;
  /** Where repeating helps seldom: how many tries may fail in this way. */
  readonly maxTries?: number;
  /** Where it helps soon or never: how long tries may fail in this way, in ms. */
  readonly retryForMs?: number;
  readonly advice?: string;
  readonly cause?: unknown;
  /** What a Taskcluster service said when it refused the call. */
  readonly refusal?: Refusal;
}

export interface Refusal {
  readonly status: number;
  /** Such as `InputValidationError`. */
  readonly serviceCode: string;
  readonly message: string;
}

/** What goes wrong at the network's edge may be over in a moment, or never: these get a few tries only. */
export const FEW_TRIES = 3;

/** Failures that count together where only so many are borne. */
export function kindOf({ code, refusal }: Failure): string {
  return refusal === undefined ? code : `${code} ${refusal.status}`;
}

type Rest = Partial<Pick<Failure, 'retry' | 'maxTries' | 'advice' | 'cause' | 'refusal'>>;

/** Nothing came back, or nothing useful that time could not mend. */
export function unreachable(words: string, rest: Rest = {}): Failure {
  return {
    code: 'taskcluster.unreachable',
    exit: 'unreachable',
    words,
    retry: true,
    advice: 'check that rootURL is right and can be reached from this machine',
    ...rest,
  };
}

/** Something answered that does not speak as Taskcluster does. */
export function badReply(words: string, rest: Rest = {}): Failure {
  return {
    code: 'taskcluster.bad-reply',
    exit: 'badReply',
    words,
    retry: false,
    advice: 'look at what answers at rootURL: is it Taskcluster, or a proxy or login page before it?',
    ...rest,
  };
}

/** A Taskcluster service said no. */
export function refused(refusal: Refusal, rest: Rest = {}): Failure {
  const { status, serviceCode, message } = refusal;
  return {
    code: 'taskcluster.refused',
    exit: 'refused',
    words: `the service refused it (${status} ${serviceCode}): ${message}`,
    retry: false,
    refusal,
    ...rest,
  };
}

/** The other side could not prove who it is. */
export function untrusted(words: string, rest: Rest = {}): Failure {
  return {
    code: 'taskcluster.untrusted',
    exit: 'untrusted',
    words,
    retry: true,
    maxTries: FEW_TRIES,
    ...rest,
  };
}
