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
