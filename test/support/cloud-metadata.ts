/** A metadata service that has values at paths, as a cloud's has; the rest is 404. */
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { startMetadataServer } from './metadata-server.ts';

export interface MetadataCall {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A text is answered with 200; a function answers by itself, now or later. */
export type MetadataAnswer = string | ((call: MetadataCall, response: ServerResponse) => void);

export interface CloudMetadata {
  readonly origin: string;
  readonly calls: readonly MetadataCall[];
  /** By path, without the query. What a test changes counts from the next request on. */
  readonly answers: Map<string, MetadataAnswer>;
  /** Connections that were made, over all time. */
  readonly connections: () => number;
  /** Resolves with the call of this number (0 is the first) to a path, once it has come. */
  called(path: string, index?: number): Promise<MetadataCall>;
}

/** @param headers of every answer, also of 404 */
export async function startCloudMetadata(
  t: TestContext,
  answers: Readonly<Record<string, MetadataAnswer>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<CloudMetadata> {
  const calls: MetadataCall[] = [];
  const byPath = new Map(Object.entries(answers));
  const watchers = new Set<() => void>();
  const server = await startMetadataServer(t, (response, request) => {
    const [method = '', url = ''] = request.line.split(' ');
    const [path = '', query = ''] = url.split('?');
    const call = { method, path, query, headers: request.headers, body: request.body };
    calls.push(call);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const answer = byPath.get(path) ?? answerStatus(404);
    if (typeof answer === 'string') response.end(answer);
    else answer(call, response);
    for (const watcher of watchers) watcher();
  });
  return {
    origin: server.origin,
    calls,
    answers: byPath,
    connections: server.connections,
    called(path, index = 0) {
      return new Promise(resolve => {
        const watch = () => {
          const call = calls.filter(made => made.path === path)[index];
          if (call === undefined) return;
          watchers.delete(watch);
          resolve(call);
        };
        watchers.add(watch);
        watch();
      });
    },
  };
}

export function answerStatus(code: number, text = ''): MetadataAnswer {
  return (_, response) => response.writeHead(code).end(text);
}
