interface LinkedAbort {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
  /** Ends the link to the outer signals; to be called when the work is over. */
  unlink(): void;
}

/**
 * An abort of one's own that also follows outer signals. AbortSignal.any() would leave something behind, at each of a
 * million polls, on a signal that lives as long as the process.
 */
export function linkedAbort(...outer: readonly AbortSignal[]): LinkedAbort {
  const controller = new AbortController();
  function follow(): void {
    controller.abort(outer.find(signal => signal.aborted)?.reason);
  }
  for (const signal of outer) {
    if (signal.aborted) follow();
    else signal.addEventListener('abort', follow);
  }
  return {
    signal: controller.signal,
    abort: reason => controller.abort(reason),
    unlink() {
      for (const signal of outer) signal.removeEventListener('abort', follow);
    },
  };
}
