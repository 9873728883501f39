/** hello and its timeout: which capabilities both sides agree on, and when that is known. */
import type { Clock } from '../clock.ts';
import type { Log } from '../logging/log.ts';
import type { Tell } from '../run-event.ts';
import type { Capability } from './messages.ts';

export interface Handshake {
  /** Resolves with the first of: hello, its timeout, the end of the conversation. */
  readonly settled: Promise<void>;
  /** Resolves with hello, in time or late; never where none comes. */
  readonly greeting: Promise<void>;
  /** Whether hello has come, in time or late. */
  readonly greeted: boolean;
  /** Whether hello has come with this capability and the runner offered it. */
  agreed(capability: Capability): boolean;
  /** The worker's hello. */
  hello(capabilities: readonly string[]): void;
  /** No hello can come any more. */
  end(): void;
}

export interface HandshakeOptions {
  /** What the runner offers. */
  readonly capabilities: readonly Capability[];
  /** At most what a Node timer can wait (24 days): the runner config sees to that. */
  readonly helloTimeoutMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly tell?: Tell;
}

export function createHandshake(options: HandshakeOptions): Handshake {
  const { clock, log, helloTimeoutMs } = options;
  const over = new AbortController();
  const settled = Promise.withResolvers<undefined>();
  const greeting = Promise.withResolvers<undefined>();
  let common: ReadonlySet<Capability> | undefined;

  function timeOut(): void {
    if (over.signal.aborted) return;
    log.warn(
      `the worker said no hello within ${helloTimeoutMs / 1000} s: it counts as one without capabilities`,
    );
    settled.resolve(undefined);
  }
  clock.sleep(helloTimeoutMs, over.signal).then(timeOut, () => undefined);

  function settle(): void {
    over.abort();
    settled.resolve(undefined);
  }

  return {
    settled: settled.promise,
    greeting: greeting.promise,
    get greeted() {
      return common !== undefined;
    },
    agreed: capability => common?.has(capability) ?? false,
    hello(capabilities) {
      const named = new Set(capabilities);
      common = new Set(options.capabilities.filter(capability => named.has(capability)));
      log.info('the worker said hello', { capabilities: [...common] });
      options.tell?.({ kind: 'hello', capabilities: [...common] });
      settle();
      greeting.resolve(undefined);
    },
    end: settle,
  };
}
