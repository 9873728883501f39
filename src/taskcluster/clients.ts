/**
 * The service objects of taskcluster-client, made for one try: it signs the request, builds the URL and parses the
 * reply.
 */
import type { Agent } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import type { Secrets, WorkerManager } from 'taskcluster-client';
import type { Credentials } from '../model.ts';

export interface ClientsOptions {
  readonly rootUrl: string;
  /** `{}` for calls that are not signed. */
  readonly credentials: Credentials | Readonly<Record<string, never>>;
  readonly agent: Agent;
  readonly timeoutMs: number;
}

export interface Clients {
  readonly workerManager: WorkerManager;
  readonly secrets: Secrets;
}

/**
 * Loaded at the first call: the loading then runs beside the opening of the connection. Nothing else moves meanwhile, so
 * what was just begun gets out first.
 */
export async function loadLibrary(): Promise<void> {
  await setImmediate();
  await import('taskcluster-client');
}

export async function makeClients(options: ClientsOptions): Promise<Clients> {
  const { default: taskcluster } = await import('taskcluster-client');
  const { rootUrl, credentials, agent, timeoutMs } = options;
  // Its own retries are off: ours say what they do, know a cut reply and 429, and last longer.
  const clientOptions = { rootUrl, credentials, retries: 0, timeout: timeoutMs };
  // Its `agent` option makes an agent of its own for each object. A ready agent is taken from this table when an
  // object is made; we put the table back, so that nobody else in the process meets ours.
  const { http, https } = taskcluster.agents;
  Object.assign(taskcluster.agents, { http: agent, https: agent });
  try {
    return {
      workerManager: new taskcluster.WorkerManager(clientOptions),
      secrets: new taskcluster.Secrets(clientOptions),
    };
  } finally {
    Object.assign(taskcluster.agents, { http, https });
  }
}
