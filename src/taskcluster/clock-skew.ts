/**
 * How far our clock is from the service's. Requests are signed with the time; the service refuses those of a machine
 * whose clock is more than a minute off, and that mends itself once time synchronization has run.
 */
import type { Agent } from 'node:http';
import type { Clock } from '../clock.ts';
import { durationWords } from '../words.ts';

/** What services tolerate (Hawk's own limit). */
export const TOLERATED_SKEW_MS = 60_000;

/** A look must not take the time of the next try. */
const LOOK_TIMEOUT_MS = 10_000;

/**
 * Our clock minus the service's, in ms, by the Date of a reply of its own: taskcluster-client drops the headers.
 * @returns undefined where nothing with a Date answers; why does not matter, as the call itself is tried again or not
 */
export async function clockSkewMs(
  rootUrl: string,
  agent: Agent,
  clock: Clock,
  signal: AbortSignal,
): Promise<number | undefined> {
  // Loaded only here: it is needed on one machine of a thousand.
  const { default: fetch } = await import('node-fetch');
  const timeout = new AbortController();
  const timer = setTimeout(() => {
    timeout.abort();
  }, LOOK_TIMEOUT_MS);
  const sentMs = clock.now();
  try {
    const response = await fetch(`${rootUrl}/api/worker-manager/v1/ping`, {
      agent,
      redirect: 'manual',
      signal: AbortSignal.any([signal, timeout.signal]),
    });
    const receivedMs = clock.now();
    const theirsMs = Date.parse(response.headers.get('date') ?? '');
    return Number.isNaN(theirsMs) ? undefined : (sentMs + receivedMs) / 2 - theirsMs;
  } catch {
    signal.throwIfAborted();
    return undefined;
  } finally {
    clearTimeout(timer);
    // Ends the body, which nobody wants.
    timeout.abort();
  }
}

/** `our clock is 5 min ahead of the service's` */
export function skewWords(skewMs: number): string {
  return `our clock is ${durationWords(Math.abs(skewMs))} ${skewMs > 0 ? 'ahead of' : 'behind'} the service's`;
}
