/** SIGINT, SIGTERM and a closed terminal: all of them end simulate-cloud, or what it runs. */

export type EndSignal = 'SIGINT' | 'SIGTERM';

export interface EndSignals {
  /** Resolves with the first signal. */
  readonly first: Promise<EndSignal>;
  /** From now on each signal goes to the handler, also one that came before. */
  onSignal(handler: (signal: EndSignal) => void): void;
  /** Restores the operating system's behavior. */
  release(): void;
}

export function listenForEndSignals(): EndSignals {
  const { promise: first, resolve } = Promise.withResolvers<EndSignal>();
  const came: EndSignal[] = [];
  let handler: (signal: EndSignal) => void = signal => void came.push(signal);

  function receive(signal: EndSignal): void {
    resolve(signal);
    handler(signal);
  }
  const listeners = {
    SIGINT: () => receive('SIGINT'),
    SIGTERM: () => receive('SIGTERM'),
    // The command outlives the terminal only if we do: a daemon may ignore SIGHUP, so it is asked in plain words.
    SIGHUP: () => receive('SIGTERM'),
  } as const;
  for (const [signal, listener] of Object.entries(listeners)) process.on(signal, listener);
  return {
    first,
    onSignal(newHandler) {
      handler = newHandler;
      for (const signal of came.splice(0)) newHandler(signal);
    },
    release() {
      for (const [signal, listener] of Object.entries(listeners)) process.off(signal, listener);
    },
  };
}
