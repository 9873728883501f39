/** One try of a request: over kept connections, on the first of the service's origins to which there is a route. */
import http from 'node:http';
import { systemCode } from '../errors.ts';
import { type Exchanged, exchange } from './exchange.ts';
import type { MetadataRequest, MetadataService } from './metadata.ts';

interface Sender {
  /** @throws the signal's reason */
  send(request: MetadataRequest, timeoutMs: number, signal: AbortSignal): Promise<Sent>;
  close(): void;
}

interface Sent {
  /** The whole URL that was asked last. */
  readonly url: string;
  readonly result: Exchanged;
}

/** There is no way to the address (or no such address): the next origin may be another matter. */
const NO_ROUTE: readonly unknown[] = [
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'ENOTFOUND',
];

/** How a kept connection ends that the service closed just when it was used again. */
const CLOSED: readonly unknown[] = ['ECONNRESET', 'EPIPE'];

export function createSender(service: MetadataService): Sender {
  const { origins } = service;
  // Agents of our own: the environment may tell the global one to use a proxy.
  const kept = new http.Agent({ keepAlive: true });
  const fresh = new http.Agent();
  /** How often a request has got a connection that stands. */
  let connections = 0;
  for (const agent of [kept, fresh]) noteConnections(agent, () => (connections += 1));
  /** Which origin gave the last reply: each request begins there. Silence elsewhere is no reason to stay there. */
  let replied = 0;

  async function sendTo(
    origin: string,
    request: MetadataRequest,
    endMs: number,
    signal: AbortSignal,
  ): Promise<Exchanged> {
    function once(agent: http.Agent): Promise<Exchanged> {
      const before = connections;
      const timeoutMs = Math.max(1, Math.round(endMs - performance.now()));
      return exchange(request, { origin, agent, timeoutMs, isAccepted: () => connections > before }, signal);
    }
    const result = await once(kept);
    return CLOSED.includes(codeOf(result)) ? once(fresh) : result;
  }

  return {
    async send(request, timeoutMs, signal) {
      // Real time, as in exchange.ts: a socket knows no other.
      const endMs = performance.now() + timeoutMs;
      const first = replied;
      for (let tried = 1; ; tried += 1) {
        const asked = (first + tried - 1) % origins.length;
        const origin = origins[asked] ?? '';
        const result = await sendTo(origin, request, endMs, signal);
        if (result.kind === 'reply') replied = asked;
        // Silence: the first one may have a route by now.
        else if (asked === replied) replied = 0;
        if (tried >= origins.length || !NO_ROUTE.includes(codeOf(result)))
          return { url: origin + request.path, result };
      }
    },
    close() {
      kept.destroy();
      fresh.destroy();
    },
  };
}

/** The system's word for why there was no reply. */
function codeOf(result: Exchanged): string | undefined {
  return result.kind === 'failed' ? systemCode(result.failure.cause) : undefined;
}

/** Of new connections once they stand, and of kept ones when they are used again. */
function noteConnections(agent: http.Agent, note: () => void): void {
  const create = agent.createConnection.bind(agent);
  agent.createConnection = (...args) => create(...args)?.once('connect', note);
  const reuse = agent.reuseSocket.bind(agent);
  agent.reuseSocket = (...args) => {
    note();
    reuse(...args);
  };
}
