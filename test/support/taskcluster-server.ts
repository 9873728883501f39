/** Tiny loopback servers that stand where Taskcluster would, and a client of ours that talks to them without waiting. */
import http from 'node:http';
import https from 'node:https';
import net, { type AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { Clock } from '../../src/clock.ts';
import type { Log } from '../../src/logging/log.ts';
import type { Redactor } from '../../src/logging/redactor.ts';
import type { WorkerIdentity } from '../../src/model.ts';
import { createTaskcluster, type TaskclusterOptions } from '../../src/taskcluster/client.ts';
import type { RegisterRequest, Taskcluster } from '../../src/taskcluster/taskcluster.ts';

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** Answers request number `index` (0 is the first). */
export type Answer = (response: http.ServerResponse, request: ReceivedRequest, index: number) => void;

export interface TestServer {
  readonly rootUrl: string;
  readonly port: number;
  readonly requests: readonly ReceivedRequest[];
  /** Connections that were made, over all time. */
  readonly connections: () => number;
  /** Closes the next connection as soon as it is made; resolves once its other end knows. */
  closeNext(): Promise<void>;
}

export interface ServerOptions {
  readonly tls?: { readonly key: string; readonly cert: string };
  /** The name in rootUrl; the server itself listens on 127.0.0.1. */
  readonly hostname?: string;
}

export async function startServer(
  t: TestContext,
  answer: Answer,
  options: ServerOptions = {},
): Promise<TestServer> {
  const requests: ReceivedRequest[] = [];
  let connections = 0;
  function handle(request: http.IncomingMessage, response: http.ServerResponse): void {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const received = { method, path: url, authorization: headers.authorization, body };
      requests.push(received);
      answer(response, received, requests.length - 1);
    });
  }
  const server =
    options.tls === undefined ? http.createServer(handle) : https.createServer(options.tls, handle);
  server.on('connection', () => (connections += 1));
  const port = await listen(t, server);
  t.after(() => server.closeAllConnections());
  const protocol = options.tls === undefined ? 'http' : 'https';
  const rootUrl = `${protocol}://${options.hostname ?? '127.0.0.1'}:${port}`;
  return {
    rootUrl,
    port,
    requests,
    connections: () => connections,
    closeNext: () =>
      new Promise(resolve => {
        server.once('connection', (socket: net.Socket) => {
          // Our end is over when the client has closed its own in answer.
          socket.on('close', () => resolve()).resume();
          socket.end();
        });
      }),
  };
}

/** A server that handles bare connections. */
export async function startRawServer(t: TestContext, handle: (socket: net.Socket) => void): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer(socket => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    handle(socket);
  });
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  return listen(t, server);
}

async function listen(t: TestContext, server: net.Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** A port that nobody listens on: below those that the system gives away, which another test may get next. */
export function closedPort(): Promise<number> {
  return Promise.resolve(1);
}

export function sendJson(response: http.ServerResponse, status: number, value: unknown): void {
  response
    .writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
    .end(JSON.stringify(value));
}

/** Refuses as a Taskcluster service does, with its echo of the request. */
export function refuse(response: http.ServerResponse, status: number, code: string, message: string): void {
  const echo = `\n\n---\n\n* method:     registerWorker\n* errorCode:  ${code}\n* payload: {"secret-echo": 1}`;
  sendJson(response, status, { code, message: message + echo, requestInfo: {} });
}

export const REGISTRATION = {
  expires: '2027-01-01T00:00:00.000Z',
  credentials: {
    clientId: 'worker/static/a/b/c/d',
    accessToken: 'the-access-token-of-the-reply',
    certificate: JSON.stringify({ version: 1, signature: 'signature-of-the-certificate' }),
  },
  workerConfig: { genericWorker: { config: { idleTimeoutSecs: 5 } } },
  secret: 'the-registration-secret-of-44-characters----',
};

/** Time that passes only by sleeping. */
export interface TestClock extends Clock {
  readonly sleeps: readonly number[];
}

export function testClock(nowMs = Date.now()): TestClock {
  let passedMs = 0;
  const sleeps: number[] = [];
  return {
    sleeps,
    now: () => nowMs + passedMs,
    elapsed: () => passedMs,
    sleep(ms, signal) {
      signal.throwIfAborted();
      sleeps.push(ms);
      passedMs += ms;
      return Promise.resolve();
    },
    random: () => 0.5,
  };
}

export interface Rig {
  readonly taskcluster: Taskcluster;
  readonly clock: TestClock;
  /** Warnings, each as it was logged. */
  readonly warnings: readonly string[];
  readonly secrets: ReadonlySet<string>;
  readonly identity: WorkerIdentity;
  register(request?: Partial<RegisterRequest>): ReturnType<Taskcluster['registerWorker']>;
}

/** A client of ours for a server, with nothing of the environment of whoever runs the tests. */
export function connectTo(t: TestContext, rootUrl: string, options: Partial<TaskclusterOptions> = {}): Rig {
  const warnings: string[] = [];
  const secrets = new Set<string>();
  const clock = testClock();
  const redactor: Redactor = {
    add: value => void secrets.add(value),
    redact: text =>
      [...secrets].reduce((redacted, secret) => redacted.replaceAll(secret, '[redacted]'), text),
    reach: 0,
  };
  const log: Log = {
    info: () => undefined,
    warn: message => void warnings.push(message),
    error: () => undefined,
    output: () => undefined,
    reopen: () => undefined,
    close: () => Promise.resolve(),
  };
  const taskcluster = createTaskcluster({
    rootUrl,
    network: { retryForMs: 600_000, attemptTimeoutMs: 5000 },
    log,
    redactor,
    clock,
    env: {},
    ...options,
  });
  t.after(() => taskcluster.close());
  const identity = { rootUrl, workerPoolId: 'pool/one', workerGroup: 'group', workerId: 'worker' };
  return {
    taskcluster,
    clock,
    warnings,
    secrets,
    identity,
    register: request =>
      taskcluster.registerWorker(
        {
          identity,
          providerId: 'static',
          prove: () => Promise.resolve({ staticSecret: 'the-static-secret' }),
          patience: { unknownWorkerForMs: 0, refusedTries: 1 },
          ifRefused: 'the advice of the provider',
          ...request,
        },
        AbortSignal.timeout(20_000),
      ),
  };
}
