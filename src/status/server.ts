/** Serves the state of the run over HTTP. Nothing of the run depends on it: what fails here costs a line in the log. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { StatusAddress } from '../config/runner-config.ts';
import { messageOf, systemCode } from '../errors.ts';
import page from '../generated/status-page.json' with { type: 'json' };
import type { Log } from '../logging/log.ts';
import { hostAndPort, isLoopback, mayName } from './hosts.ts';
import { listen } from './listen.ts';
import { metricsOf } from './metrics.ts';
import type { Snapshot } from './status.ts';

/** Enough for some people, a scraper and a health check. */
const MOST_CONNECTIONS = 32;
const REQUEST_MS = 5_000;
const HEADER_BYTES = 8 * 1024;

export interface StatusServer {
  /** Ends every connection; the process is held up by none. */
  close(): void;
}

export interface StatusServerOptions {
  readonly listen: StatusAddress;
  readonly snapshot: () => Snapshot;
  readonly log: Log;
}

/** Resolves once the address is served, or once the log says why it is not. Never rejects. */
export async function serveStatus(options: StatusServerOptions): Promise<StatusServer> {
  const { listen: address, log } = options;
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES,
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: REQUEST_MS,
      // Else these are looked after twice a minute.
      connectionsCheckingInterval: 1000,
    },
    (request, response) => void respond(request, response, options),
  );
  server.maxConnections = MOST_CONNECTIONS;
  server.unref();
  const place = placeOf(address);
  try {
    await listen(server, address);
    tellPlace(server, address, place, log);
  } catch (error) {
    log.warn(`status.listen: ${listenProblem(error, place)}: the state of this run is not served`);
  }
  server.on('error', error => log.warn(`status.listen: ${place}: ${messageOf(error)}`));
  return {
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function tellPlace(server: Server, address: StatusAddress, place: string, log: Log): void {
  if (address.kind === 'unix') {
    log.info(`the state of this run is served at ${place}`);
    return;
  }
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : address.port;
  log.info(`the state of this run is served at http://${hostAndPort(address.host, port)}/`);
  if (!isLoopback(address.host))
    log.warn(
      `status.listen: ${place} is not of this machine alone: whoever reaches it may read who this worker is and the end of its log`,
    );
}

function placeOf(address: StatusAddress): string {
  return address.kind === 'unix' ? `unix:${address.path}` : hostAndPort(address.host, address.port);
}

function listenProblem(error: unknown, place: string): string {
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return `${place} is in use already`;
    case 'EACCES':
      return `this user may not listen on ${place}`;
    case 'EADDRNOTAVAIL':
      return `${place} is no address of this machine`;
    case undefined:
    default:
      return `cannot listen on ${place}: ${messageOf(error)}`;
  }
}

interface Answer {
  readonly status: number;
  readonly type: 'text/plain' | 'text/html' | 'application/json';
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What every answer says: it is of this moment, it is what it says it is, and no other site may show or read it. */
const SAFE_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  options: StatusServerOptions,
): Promise<void> {
  const { status, type, body, headers } = await answer(request, options).catch((error: unknown): Answer => {
    options.log.warn(`status: an answer failed: ${messageOf(error)}`);
    return { status: 500, type: 'text/plain', body: 'a fault of start-worker itself: its log says more\n' };
  });
  response.writeHead(status, {
    ...SAFE_HEADERS,
    'content-type': `${type}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function answer(request: IncomingMessage, options: StatusServerOptions): Promise<Answer> {
  const { listen: address, snapshot } = options;
  if (address.kind === 'tcp' && !mayName(request.headers.host, address))
    return plain(421, 'this server is asked by its address, not by that name');
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return plain(405, 'only GET and HEAD', { allow: 'GET, HEAD' });
  switch (request.url?.split('?')[0]) {
    case '/':
      return {
        status: 200,
        type: 'text/html',
        body: page.html,
        headers: { 'content-security-policy': page.policy },
      };
    case '/status':
      return { status: 200, type: 'application/json', body: `${JSON.stringify(snapshot(), null, 2)}\n` };
    case '/healthz': {
      const { problems } = snapshot();
      if (problems.length === 0) return plain(200, 'ok');
      return plain(503, problems.map(({ text }) => text).join('\n'));
    }
    case '/metrics': {
      const { text, contentType } = await metricsOf(snapshot());
      return { status: 200, type: 'text/plain', body: text, headers: { 'content-type': contentType } };
    }
    case undefined:
    default:
      return plain(404, 'there are /, /status, /healthz and /metrics');
  }
}

function plain(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, type: 'text/plain', body: `${text}\n`, headers };
}
