/** A loopback server that stands where a cloud's metadata service would, and a client of ours for it. */
import assert from 'node:assert/strict';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { type Clock, systemClock } from '../../src/clock.ts';
import { RunnerError } from '../../src/errors.ts';
import { createMetadataClient, type MetadataClientOptions } from '../../src/metadata/client.ts';
import type {
  MetadataClient,
  MetadataReply,
  MetadataRequest,
  MetadataService,
} from '../../src/metadata/metadata.ts';
import { createMemoryLog, type MemoryLog } from './memory-log.ts';

export interface ReceivedRequest {
  /** `GET /latest/user-data` */
  readonly line: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** Answers request number `index` (0 is the first) to this server; what it leaves unanswered hangs. */
export type Answer = (response: http.ServerResponse, request: ReceivedRequest, index: number) => void;

export interface MetadataServer {
  readonly origin: string;
  readonly requests: readonly ReceivedRequest[];
  /** Connections that were made, over all time. */
  readonly connections: () => number;
  /** Resolves once request number `index` is there. */
  received(index: number): Promise<ReceivedRequest>;
}

export async function startMetadataServer(
  t: TestContext,
  answer: Answer,
  host = '127.0.0.1',
): Promise<MetadataServer> {
  const requests: ReceivedRequest[] = [];
  const watchers = new Set<() => void>();
  let connections = 0;
  const server = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      const received = { line: `${request.method} ${request.url}`, headers: request.headers, body };
      requests.push(received);
      for (const watcher of watchers) watcher();
      answer(response, received, requests.length - 1);
    });
  });
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, host, resolve);
  });
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    requests,
    connections: () => connections,
    received(index) {
      return new Promise(resolve => {
        const look = () => {
          const request = requests[index];
          if (request === undefined) return;
          watchers.delete(look);
          resolve(request);
        };
        watchers.add(look);
        look();
      });
    },
  };
}

export interface ClientRig {
  readonly client: MetadataClient;
  readonly log: MemoryLog;
}

/** A client for some origins, all of them taken for the cloud's own addresses. */
export function metadataClient(
  t: TestContext,
  origins: readonly string[],
  options: Partial<Omit<MetadataClientOptions, 'service'>> & {
    readonly service?: Partial<MetadataService>;
  } = {},
): ClientRig {
  const log = createMemoryLog();
  const client = createMetadataClient({
    clock: systemClock,
    log,
    giveUpAfterMs: 20_000,
    ...options,
    service: {
      name: 'the test metadata service',
      origins,
      recognizes: reply => reply.headers['x-cloud'] === 'test',
      ...options.service,
    },
  });
  t.after(() => client.close());
  return { client, log };
}

/** Asks with patience; any reply will do. */
export function ask(
  client: MetadataClient,
  request: MetadataRequest,
  signal: AbortSignal,
): Promise<MetadataReply> {
  return client.read(request, reply => reply, signal);
}

/** Time that runs `factor` times as fast as it does. */
export function fastClock(factor: number): Clock {
  return {
    ...systemClock,
    elapsed: () => systemClock.elapsed() * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
  };
}

/** The error that a promise rejects with, which must be one of exit `metadata`. */
export async function failureOf(promise: Promise<unknown>): Promise<RunnerError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof RunnerError, String(error));
    assert.equal(error.exit, 'metadata');
    return error;
  }
  assert.fail('it was fulfilled');
}
