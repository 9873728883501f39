import type { WorkerIdentity } from './model.ts';

/** Who a worker is, as one text: no two workers have the same. */
export function workerName({ rootUrl, workerPoolId, workerGroup, workerId }: WorkerIdentity): string {
  return `${workerPoolId}/${workerGroup}/${workerId} of ${rootUrl}`;
}
