/** The connections to one rootURL: kept alive, through the environment's proxy, to servers that this machine trusts. */
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import type { PeerCertificate } from 'node:tls';
import type { Log } from '../logging/log.ts';
import { lookAtCertificate } from './certificate.ts';
import { type Proxy, proxyEnv } from './proxies.ts';
import { machineTrust } from './trust.ts';

export interface Connections {
  /** The agent that all requests to rootURL share; another one after `widenTrust`. */
  agent(): http.Agent;
  /** Adds what the machine trusts to Node's own roots; from then on `agent` gives another agent. Done once. */
  widenTrust(): Promise<void>;
  /** The certificate that rootURL's server shows, accepted or not. */
  certificate(signal: AbortSignal): Promise<PeerCertificate | undefined>;
  warmUp(count: number): void;
  close(): void;
}

/** Node gives up an address after 250 ms, which is too short for a far or busy network. */
const ADDRESS_TIMEOUT_MS = 5000;

export function createConnections(options: {
  readonly rootUrl: string;
  /** Where certificate files are named. */
  readonly env: NodeJS.ProcessEnv;
  /** Connections that lead through a proxy are not opened beforehand. */
  readonly proxy: Proxy | undefined;
  readonly log: Log;
}): Connections {
  const { rootUrl, env, proxy, log } = options;
  const url = new URL(rootUrl);
  let agentOptions: https.AgentOptions = {
    keepAlive: true,
    proxyEnv: proxyEnv(proxy),
    autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
    // Also where NODE_TLS_REJECT_UNAUTHORIZED=0 says otherwise: what we send is secret.
    rejectUnauthorized: true,
  };
  let current = makeAgent();
  const made = [current];
  let widened: Promise<void> | undefined;
  let warm = 0;

  function makeAgent(): WarmAgent {
    const agent = url.protocol === 'https:' ? new https.Agent(agentOptions) : new http.Agent(agentOptions);
    return warmAgent(agent, url, agentOptions);
  }

  async function widen(): Promise<void> {
    const secureContext = await machineTrust(env, log);
    agentOptions = { ...agentOptions, secureContext };
    // The old one may still serve a call that is about to fail: it is ended with the others.
    made.push((current = makeAgent()));
    // What was opened beforehand has been refused together with the first.
    current.open(warm);
  }

  return {
    agent: () => current.agent,
    widenTrust() {
      widened ??= widen();
      return widened;
    },
    certificate: signal => lookAtCertificate(rootUrl, agentOptions, signal),
    warmUp(count) {
      if (proxy !== undefined) return;
      warm = count;
      current.open(count);
    },
    close() {
      for (const agent of made) agent.close();
    },
  };
}

interface WarmAgent {
  readonly agent: http.Agent;
  open(count: number): void;
  close(): void;
}

/** An agent that begins with connections which were opened before there was a request for them. */
function warmAgent(agent: http.Agent, url: URL, agentOptions: https.AgentOptions): WarmAgent {
  const waiting: net.Socket[] = [];
  const open = new Set<Duplex>();
  const create = agent.createConnection.bind(agent);
  agent.createConnection = (options, callback) => takeWaiting() ?? remember(create(options, callback));

  /** The agent itself does not know a connection to a proxy before its tunnel is made, and would leave it open. */
  function remember(socket: Duplex | null | undefined): Duplex | null | undefined {
    if (socket) open.add(socket.once('close', () => open.delete(socket)));
    return socket;
  }

  function takeWaiting(): Duplex | undefined {
    const socket = waiting.find(candidate => !candidate.destroyed);
    if (socket === undefined) return undefined;
    waiting.splice(waiting.indexOf(socket), 1);
    return socket.ref();
  }

  function openOne(): void {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
    const servername = net.isIP(host) === 0 ? host : '';
    // The very options that the agent would use, so that the certificate is checked the same way.
    const socket = create({ ...agentOptions, host, port, servername } as http.ClientRequestArgs);
    if (!(socket instanceof net.Socket)) return;
    // A failure shows itself again, in words, to the call that needs a connection.
    socket.on('error', () => undefined);
    waiting.push(socket.unref());
  }

  return {
    agent,
    open(count) {
      for (let opened = 0; opened < count; opened += 1) openOne();
    },
    close() {
      for (const socket of [...waiting.splice(0), ...open]) socket.destroy();
      agent.destroy();
    },
  };
}
