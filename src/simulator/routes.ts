/** Which request is which call: method and path of every call that the simulator answers. */
import type { CallName, Handler } from './api-call.ts';
import { getSecret } from './secrets.ts';
import { registerWorker, removeWorker, reportWorkerError, reregisterWorker } from './worker-manager.ts';

interface Route {
  readonly call: Exclude<CallName, 'metadata' | 'unknown'>;
  readonly method: string;
  /** `:name` stands for one part of the path, URL-encoded where it holds slashes. */
  readonly path: string;
  /** The first Taskcluster release that has it. */
  readonly since?: number;
  readonly handler: Handler;
}

const ROUTES: readonly Route[] = [
  {
    call: 'registerWorker',
    method: 'POST',
    path: '/api/worker-manager/v1/worker/register',
    handler: registerWorker,
  },
  {
    call: 'reregisterWorker',
    method: 'POST',
    path: '/api/worker-manager/v1/worker/reregister',
    since: 29,
    handler: reregisterWorker,
  },
  {
    call: 'removeWorker',
    method: 'DELETE',
    path: '/api/worker-manager/v1/workers/:workerPoolId/:workerGroup/:workerId',
    handler: removeWorker,
  },
  {
    call: 'reportWorkerError',
    method: 'POST',
    path: '/api/worker-manager/v1/worker-pool-errors/:workerPoolId',
    handler: reportWorkerError,
  },
  { call: 'getSecret', method: 'GET', path: '/api/secrets/v1/secret/:name', handler: getSecret },
  {
    call: 'ping',
    method: 'GET',
    path: '/api/:service/v1/ping',
    handler: () => ({ alive: true, uptime: process.uptime() }),
  },
  { call: 'ping', method: 'HEAD', path: '/api/:service/v1/ping', handler: () => ({}) },
];

export interface Match {
  readonly call: CallName;
  readonly params: Readonly<Record<string, string>>;
  /** Absent where no route fits. */
  readonly handler?: Handler;
}

/** @param url path and query of the request */
export function matchRoute(method: string, url: string, version: number): Match {
  const parts = (url.split('?')[0] ?? '').split('/');
  for (const { call, method: wanted, path, since = 0, handler } of ROUTES) {
    if (wanted !== method || since > version) continue;
    const params = matchPath(path.split('/'), parts);
    if (params !== undefined) return { call, params, handler };
  }
  return { call: 'unknown', params: {} };
}

function matchPath(pattern: readonly string[], parts: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, wanted] of pattern.entries()) {
    const part = decode(parts[index] ?? '');
    if (part === undefined) return undefined;
    if (wanted.startsWith(':')) params[wanted.slice(1)] = part;
    else if (wanted !== part) return undefined;
  }
  return params;
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    // A % that begins no escape.
    return undefined;
  }
}
