/** The listening side: HTTP or HTTPS, with the delaying proxy in front where a round trip is simulated. */
import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from 'node:http';
import { isIPv6, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { messageOf, RunnerError, systemCode } from '../errors.ts';
import { createRttProxy } from './rtt-proxy.ts';
import { serve } from './service.ts';
import type { CloudState } from './state.ts';
import { prepareTls, type TlsFiles } from './tls-files.ts';

/** As the load balancers in front of Taskcluster: longer than any pause of a client that boots. */
const KEEP_ALIVE_MS = 75_000;

export interface RunningServer {
  readonly rootUrl: string;
  /** The certificate that clients must trust, where TLS is spoken. */
  readonly caFile?: string;
  /** Ends every connection, kept and hanging ones too. */
  close(): Promise<void>;
}

/** @throws RunnerError with exit `config` where the address or the certificate cannot be used */
export async function startServer(state: CloudState): Promise<RunningServer> {
  const { listen: host, port, tls: setting, rttMs } = state.scenario;
  const tls = setting === undefined ? undefined : await prepareTls(setting, host);
  const closing = new AbortController();
  const http = await createServer(tls, (request, response) => {
    void serve(state, {
      request,
      response,
      wait: ms => pause(ms, closing.signal),
    });
  });
  http.keepAliveTimeout = KEEP_ALIVE_MS;
  const servers: Listening[] = [];
  try {
    if (rttMs === 0) {
      servers.push(await listening(http, host, port));
    } else {
      const far = await listening(http, '127.0.0.1', 0);
      servers.push(far, await listening(createRttProxy(far.port, rttMs), host, port));
    }
  } catch (error) {
    await Promise.all(servers.map(closeNow));
    await tls?.remove();
    throw listenError(error, host, port);
  }
  return {
    rootUrl: `${tls === undefined ? 'http' : 'https'}://${urlHost(host)}:${servers.at(-1)?.port ?? port}`,
    ...(tls === undefined ? {} : { caFile: tls.caFile }),
    async close() {
      closing.abort();
      await Promise.all(servers.map(closeNow));
      await tls?.remove();
    },
  };
}

async function createServer(tls: TlsFiles | undefined, listener: RequestListener): Promise<HttpServer> {
  if (tls === undefined) return createHttpServer(listener);
  const { createServer: createHttpsServer } = await import('node:https');
  try {
    return createHttpsServer({ cert: tls.cert, key: tls.key }, listener);
  } catch (error) {
    throw new RunnerError(
      'simulator.tls',
      `tls: the certificate and its key cannot be used: ${messageOf(error)}`,
      {
        exit: 'config',
      },
    );
  }
}

interface Listening {
  readonly server: Server;
  readonly port: number;
  /** The open connections: a server that closes waits for them. */
  readonly sockets: ReadonlySet<Socket>;
}

function listening(server: Server, host: string, port: number): Promise<Listening> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve({ server, port: (server.address() as AddressInfo).port, sockets });
    });
  });
}

function closeNow({ server, sockets }: Listening): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve());
    for (const socket of sockets) socket.destroy();
  });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // Even a timer of 0 ms takes one, and most answers are not held back.
  if (ms > 0) await wait(ms, undefined, { signal }).catch(() => undefined);
}

/** An address that stands for all of them is nothing that a client can name. */
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return isIPv6(host) ? `[${host}]` : host;
}

function listenError(error: unknown, host: string, port: number): RunnerError {
  const place = `${host}:${port}`;
  const options = { exit: 'config', cause: error } as const;
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return new RunnerError('simulator.listen', `another program listens on ${place} already`, {
        ...options,
        advice: 'end it, or choose another port with --port (and in the rootURL of the runner config)',
      });
    case 'EACCES':
      return new RunnerError('simulator.listen', `this user may not listen on ${place}`, {
        ...options,
        advice: 'choose a port above 1023 with --port',
      });
    case undefined:
    default:
      return new RunnerError('simulator.listen', `cannot listen on ${place}: ${messageOf(error)}`, options);
  }
}
