/** The listening side: HTTP or HTTPS, with the delaying proxy in front where a round trip is simulated. */
import { createServer as createHttpServer, type RequestListener, type Server as HttpServer } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { messageOf, RunnerError } from '../errors.ts';
import { closeNow, listening, listenProblem, urlHost, type Listening } from './listening.ts';
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
    throw listenProblem(error, host, port, '--port');
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

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // Even a timer of 0 ms takes one, and most answers are not held back.
  if (ms > 0) await wait(ms, undefined, { signal }).catch(() => undefined);
}
