/** When a failed call is tried again, and the loop that does it. */
import { doublingDelayMs } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { RunnerError } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import { type Failure, kindOf } from './failure.ts';
import { durationWords } from '../words.ts';

export interface RetryPolicy {
  /** How long a call is tried again in total; 0: never. */
  readonly retryForMs: number;
  /** How long one try may take. */
  readonly attemptTimeoutMs: number;
  /** Fires where no other try shall begin. */
  readonly noMoreTries?: AbortSignal;
}

const FIRST_DELAY_MS = 1000;
/** With the jitter on top, no wait is longer than 30 s. */
const LONGEST_DELAY_MS = 25_000;
/** The last try begins while there is this much time left for it. */
const LAST_TRY_MS = 5000;
/** Two tries are never closer than this. */
const SHORTEST_DELAY_MS = 200;

/**
 * How long to wait after failed try number `tries` (1 is the first), in ms: about 1 s, then doubling up to 30 s.
 * @param random at least 0 and below 1
 */
export function backoffMs(tries: number, random: number): number {
  return doublingDelayMs(FIRST_DELAY_MS, LONGEST_DELAY_MS, tries, random);
}

/**
 * The wait before the next try, or nothing where it is time to give up. No try begins after the total has ended, and
 * the wait before the last one is cut so that it still has some seconds: a user who grants 30 s gets tries up to
 * second 25, not a last one at second 15.
 */
export function nextDelayMs(
  policy: RetryPolicy,
  tries: number,
  elapsedMs: number,
  random: number,
): number | undefined {
  const forLastTryMs = Math.min(LAST_TRY_MS, policy.attemptTimeoutMs, policy.retryForMs / 4);
  const delayMs = Math.min(backoffMs(tries, random), policy.retryForMs - elapsedMs - forLastTryMs);
  return delayMs < SHORTEST_DELAY_MS ? undefined : delayMs;
}

/**
 * How long a try may take that begins after `elapsedMs`, in whole ms: the last one is cut to what is left of the total.
 */
export function attemptMs(policy: RetryPolicy, elapsedMs: number): number {
  if (policy.retryForMs === 0) return policy.attemptTimeoutMs;
  return Math.max(1, Math.min(policy.attemptTimeoutMs, Math.floor(policy.retryForMs - elapsedMs)));
}

export type Attempt<T> =
  { readonly kind: 'done'; readonly value: T } | { readonly kind: 'failed'; readonly failure: Failure };

export interface RetriedCall<T> {
  readonly name: string;
  readonly url: string;
  /** Before each try; its time is not the call's. What it throws ends the call. */
  prepare(): Promise<void>;
  /** One try. It reports failures of the call as such and throws for everything else, which ends the call. */
  attempt(timeoutMs: number): Promise<Attempt<T>>;
}

/**
 * Tries a call until it succeeds, fails for good, or the policy's time is over; one log line a retry.
 * @throws RunnerError `taskcluster.*`; the signal's reason as soon as the signal fires; that of `noMoreTries` where it
 *   fires between two tries
 */
export async function retrying<T>(
  call: RetriedCall<T>,
  policy: RetryPolicy,
  world: { readonly clock: Clock; readonly log: Log },
  signal: AbortSignal,
): Promise<T> {
  const { clock, log } = world;
  const { noMoreTries } = policy;
  const wakes = noMoreTries === undefined ? signal : AbortSignal.any([signal, noMoreTries]);
  let startMs = clock.elapsed();
  const kinds = new Map<string, { readonly firstMs: number; readonly times: number }>();
  for (let tries = 1; ; tries += 1) {
    signal.throwIfAborted();
    const preparingMs = clock.elapsed();
    await call.prepare();
    startMs += clock.elapsed() - preparingMs;
    const attempt = await call.attempt(attemptMs(policy, clock.elapsed() - startMs));
    if (attempt.kind === 'done') return attempt.value;

    const { failure } = attempt;
    const elapsedMs = clock.elapsed() - startMs;
    const { firstMs, times } = kinds.get(kindOf(failure)) ?? { firstMs: elapsedMs, times: 0 };
    kinds.set(kindOf(failure), { firstMs, times: times + 1 });
    const { maxTries = Infinity, retryForMs = Infinity } = failure;
    const giveUpMs = Math.min(policy.retryForMs, firstMs + retryForMs);
    const delayMs =
      failure.retry && times + 1 < maxTries && noMoreTries?.aborted !== true
        ? nextDelayMs({ ...policy, retryForMs: giveUpMs }, tries, elapsedMs, clock.random())
        : undefined;
    if (delayMs === undefined) throw finalError(call, failure, tries, elapsedMs);
    log.warn(
      `${call.name} at ${call.url} failed: ${failure.words} ` +
        (maxTries === Infinity ? `(try ${tries}); ` : `(try ${times + 1} of ${maxTries}); `) +
        `next try in ${durationWords(delayMs)}` +
        (maxTries === Infinity ? `, giving up in ${durationWords(giveUpMs - elapsedMs)}` : ''),
    );
    await clock.sleep(delayMs, wakes);
  }
}

function finalError(
  call: { readonly name: string; readonly url: string },
  failure: Failure,
  tries: number,
  elapsedMs: number,
): RunnerError {
  const after = tries === 1 ? '' : ` after ${tries} tries in ${durationWords(elapsedMs)}`;
  return new RunnerError(failure.code, `${call.name} at ${call.url} failed${after}: ${failure.words}`, {
    exit: failure.exit,
    ...(failure.advice === undefined ? {} : { advice: failure.advice }),
    ...(failure.cause === undefined ? {} : { cause: failure.cause }),
  });
}
