import { unlessAborted } from '../unless-aborted.ts';

/**
 * One request at a time, for all who wait for it: they give up at different times, each by its own signal, and the
 * request goes on. Whoever comes when it is over begins the next.
 */
export function shared<T>(ask: () => Promise<T>): (signal: AbortSignal) => Promise<T> {
  let pending: Promise<T> | undefined;
  async function begin(): Promise<T> {
    try {
      return await ask();
    } finally {
      pending = undefined;
    }
  }
  return signal => {
    pending ??= begin();
    return unlessAborted(pending, signal);
  };
}
