/** Scopes: https://docs.taskcluster.net/docs/manual/design/apis/hawk/scopes */
import { apiError } from './api-error.ts';

/** The worker that a set of scopes is about. */
export interface ScopedWorker {
  readonly workerPoolId: string;
  readonly workerGroup: string;
  readonly workerId: string;
}

/** The scopes that worker-manager puts into a worker's credentials. */
export function workerScopes(
  { workerPoolId, workerGroup, workerId }: ScopedWorker,
  version: number,
): string[] {
  const worker = `${workerPoolId}/${workerGroup}/${workerId}`;
  return [
    `assume:worker-type:${workerPoolId}`,
    `assume:worker-pool:${workerPoolId}`,
    `assume:worker-id:${workerGroup}/${workerId}`,
    `queue:worker-id:${workerGroup}/${workerId}`,
    `queue:claim-work:${workerPoolId}`,
    `secrets:get:worker-type:${workerPoolId}`,
    `secrets:get:worker-pool:${workerPoolId}`,
    `worker-manager:remove-worker:${worker}`,
    ...(version < 29 ? [] : [`worker-manager:reregister-worker:${worker}`]),
  ];
}

/** Whether a scope is among those held; a `*` at the end of a held one stands for anything. */
export function holds(held: readonly string[], scope: string): boolean {
  return held.some(have => (have.endsWith('*') ? scope.startsWith(have.slice(0, -1)) : have === scope));
}

/** Who makes a call, once its signature has been checked. Nobody signed: no clientId, and no scopes. */
export interface Caller {
  readonly clientId: string | undefined;
  readonly scopes: readonly string[];
}

/** @throws ApiError InsufficientScopes unless the caller holds every one of the scopes */
export function requireScopes(caller: Caller, required: readonly string[]): void {
  const missing = required.filter(scope => !holds(caller.scopes, scope));
  if (missing.length === 0) return;
  const who = caller.clientId === undefined ? 'The call is not signed, and' : `Client ${caller.clientId}`;
  throw apiError(
    'InsufficientScopes',
    `${who} lacks these scopes:\n\n${missing.map(scope => `* ${scope}`).join('\n')}`,
  );
}
