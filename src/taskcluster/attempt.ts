/** One try of a call: taskcluster-client makes the request, and we watch the connection it is made on. */
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '../clock.ts';

/** What one try came to. Nothing in it has been judged yet. */
export interface Outcome {
  /** What the client gave: the parsed JSON of a 2xx reply; undefined for every other content type. */
  readonly value?: unknown;
  /** What the client threw. */
  readonly error?: unknown;
  /** Why we ended the request ourselves. */
  readonly ended?: EndReason;
  /** Whether the request went over a connection that an earlier one had used. */
  readonly reused: boolean;
  /** The head of the response, where one came. */
  readonly response?: ResponseHead;
}

/** The last three are no replies of Taskcluster, and would cost memory or leave a connection that nobody ends. */
export type EndReason = 'timeout' | 'too-large' | 'compressed' | 'switched';

export interface ResponseHead {
  readonly status: number;
  readonly contentType: string;
  readonly contentEncoding: string;
  readonly location: string | undefined;
  /** Whether the body came to its proper end. */
  readonly complete: boolean;
  /** Bytes of the body, as they came over the wire. */
  readonly size: number;
}

/** Far more than any configuration: a rootURL that answers with a disk image must not fill our memory. */
const MAX_REPLY_BYTES = 32 * 1024 * 1024;

/**
 * Runs one request and gives what it came to. At the timeout, or when the signal fires, the connection is destroyed, also
 * in the middle of a body: the client alone would go on reading one that trickles.
 * @param agent the shared agent that keeps connections
 * @param send makes the request on the agent that it is given
 * @throws the signal's reason
 */
export async function runAttempt(
  agent: Agent,
  send: (agent: Agent) => Promise<unknown>,
  timeoutMs: number,
  signal: AbortSignal,
  clock: Clock,
): Promise<Outcome> {
  signal.throwIfAborted();
  const ending = Promise.withResolvers<Pick<Outcome, 'ended'>>();
  function end(result: Pick<Outcome, 'ended'>): void {
    watch.destroy();
    ending.resolve(result);
  }
  const watch = watchRequests(agent, ended => end({ ended }));
  function abort(): void {
    end({});
  }
  const over = new AbortController();
  clock.sleep(timeoutMs, over.signal).then(
    () => end({ ended: 'timeout' }),
    () => undefined,
  );
  signal.addEventListener('abort', abort);
  try {
    // Whichever comes first; what the client makes of a destroyed request does not matter and may take its time.
    const result: Omit<Outcome, 'reused'> = await Promise.race([settle(send(watch.agent)), ending.promise]);
    signal.throwIfAborted();
    const response = watch.head();
    return {
      ...result,
      reused: watch.reused(),
      ...(response === undefined ? {} : { response }),
    };
  } finally {
    over.abort();
    signal.removeEventListener('abort', abort);
  }
}

async function settle(
  work: Promise<unknown>,
): Promise<{ readonly value?: unknown; readonly error?: unknown }> {
  try {
    return { value: await work };
  } catch (error) {
    return { error };
  }
}

interface RequestWatch {
  readonly agent: Agent;
  head(): ResponseHead | undefined;
  reused(): boolean;
  destroy(): void;
}

/**
 * The client hides its request and most of the response (of a cut body it reports a TypeError, of a redirect
 * nothing). So each try gets an agent that is the shared one, save that it remembers the request that was given to it.
 */
function watchRequests(shared: Agent, end: (reason: EndReason) => void): RequestWatch {
  let request: ClientRequest | undefined;
  let opened: Duplex | null | undefined;
  let response: IncomingMessage | undefined;
  let size = 0;
  let destroyed = false;

  function addRequest(newRequest: ClientRequest, ...rest: readonly unknown[]): void {
    request = newRequest;
    // The client would unpack whatever came, and a small archive can hold more than our memory.
    newRequest.setHeader('accept-encoding', 'identity');
    newRequest.once('response', incoming => {
      response = incoming;
      if (!isPlain(incoming)) {
        end('compressed');
        return;
      }
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_REPLY_BYTES) end('too-large');
      });
    });
    // Such a connection leaves its agent, which then cannot end it, and neither can the request.
    newRequest.once('upgrade', (incoming, socket) => {
      response = incoming;
      socket.destroy();
      end('switched');
    });
    ({ opened } = watchOpening(shared, () => {
      (shared as unknown as { addRequest(...args: readonly unknown[]): void }).addRequest(
        newRequest,
        ...rest,
      );
    }));
    // The try ended before its request was made.
    if (destroyed) destroy();
  }

  function destroy(): void {
    destroyed = true;
    request?.destroy();
    // While a proxy makes a tunnel, the request has no connection yet that it could end.
    opened?.destroy();
  }

  return {
    agent: Object.create(shared, { addRequest: { value: addRequest } }) as Agent,
    head() {
      if (response === undefined) return undefined;
      return {
        status: response.statusCode ?? 0,
        contentType: response.headers['content-type'] ?? '',
        contentEncoding: response.headers['content-encoding'] ?? '',
        location: response.headers.location,
        complete: response.complete,
        size,
      };
    },
    reused: () => request?.reusedSocket === true,
    destroy,
  };
}

/** Runs `work` and gives also the connection that the agent opened for it: a request is given to its agent in one go. */
export function watchOpening<T>(
  agent: Agent,
  work: () => T,
): { readonly result: T; readonly opened: Duplex | null | undefined } {
  const own = Object.getOwnPropertyDescriptor(agent, 'createConnection');
  const create = agent.createConnection.bind(agent);
  let opened: Duplex | null | undefined;
  agent.createConnection = (...args) => (opened = create(...args));
  try {
    return { result: work(), opened };
  } finally {
    if (own === undefined) Reflect.deleteProperty(agent, 'createConnection');
    else Object.defineProperty(agent, 'createConnection', own);
  }
}

function isPlain(response: IncomingMessage): boolean {
  return ['', 'identity'].includes(response.headers['content-encoding'] ?? '');
}
