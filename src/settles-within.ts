import { type Clock, systemClock } from './clock.ts';

/** Whether a promise was fulfilled in time; what comes of it later is nobody's business. Rejects as the promise does. */
export async function settlesWithin(
  promise: Promise<unknown>,
  timeoutMs: number,
  clock: Clock = systemClock,
): Promise<boolean> {
  const settled = new AbortController();
  const tooLate = clock.sleep(timeoutMs, settled.signal).then(() => false);
  // Ended below, when nobody waits for it any more.
  tooLate.catch(() => undefined);
  try {
    return await Promise.race([promise.then(() => true), tooLate]);
  } finally {
    settled.abort();
  }
}

/**
 * Asks, but waits no longer than this for the answer; then the question is given up.
 * @returns undefined where there was none in time
 * @throws what `ask` throws in time; the signal's reason
 */
export async function answerWithin<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  timeoutMs: number,
  signal: AbortSignal,
  clock: Clock,
): Promise<T | undefined> {
  const limit = new AbortController();
  const answer = ask(AbortSignal.any([signal, limit.signal]));
  const inTime = await settlesWithin(answer, timeoutMs, clock);
  limit.abort();
  signal.throwIfAborted();
  return inTime ? answer : undefined;
}
