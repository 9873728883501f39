/** What is no answer of a metadata service, in words and as the error that it ends in. */
import { RunnerError } from '../errors.ts';
import type { MetadataRequest } from './metadata.ts';

export interface Failure {
  /**
   * `silent`: nobody answers, or asks for patience. `unreadable`: somebody answers what is not a metadata service's, for
   * instance a captive portal; that may be over in some seconds.
   */
  readonly kind: 'silent' | 'unreadable';
  /** What happened, as the end of a sentence that begins with the request. */
  readonly words: string;
  readonly advice?: string;
  readonly cause?: unknown;
}

interface FailedRequest {
  /** The service's name, for the sentence. */
  readonly service: string;
  readonly request: MetadataRequest;
  /** The whole URL that was asked last. */
  readonly url: string;
  readonly failure: Failure;
  /** Empty after a single try: ` after 7 tries in 12 s`. */
  readonly after: string;
}

/** The error codes that mean "a later try may read something else". */
export const UNREADABLE = 'metadata.unreadable';

export function failedRequest(failed: FailedRequest): RunnerError {
  const { failure, request, url } = failed;
  return new RunnerError(
    failure.kind === 'silent' ? 'metadata.no-answer' : UNREADABLE,
    `${failed.service} failed${failed.after}: ${request.method ?? 'GET'} ${url} ${failure.words}`,
    {
      exit: 'metadata',
      ...(failure.advice === undefined ? {} : { advice: failure.advice }),
      ...(failure.cause === undefined ? {} : { cause: failure.cause }),
    },
  );
}
