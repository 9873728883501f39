/** What the worker implementations say alike in their configurations. */
import { RunnerError } from '../errors.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { WorkerIdentity } from '../model.ts';

/** A string that holds JSON, its keys sorted: a worker hands it to tasks as $TASKCLUSTER_WORKER_LOCATION. */
export function locationText(location: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(location).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/**
 * Config keys from the provider's metadata; a key that the provider lacks stays out.
 * @param keys the worker's config key, and the provider's metadata key behind it
 */
export function fromMetadata(keys: Readonly<Record<string, string>>, metadata: JsonObject): JsonObject {
  const entries: [string, JsonValue][] = [];
  for (const [key, metadataKey] of Object.entries(keys)) {
    const value = metadata[metadataKey];
    if (value !== undefined) entries.push([key, value]);
  }
  return Object.fromEntries(entries);
}

/**
 * Workers still name a worker pool by its two halves: everything before the first slash, and the rest.
 * @throws RunnerError `worker.identity`
 */
export function splitPool(
  identity: WorkerIdentity,
  worker: string,
): { readonly provisionerId: string; readonly workerType: string } {
  const slash = identity.workerPoolId.indexOf('/');
  if (slash < 0) {
    throw new RunnerError(
      'worker.identity',
      `the worker pool id "${identity.workerPoolId}" has no slash, and ${worker} needs its two halves`,
      { exit: 'config', advice: 'write it as provisionerId/workerType' },
    );
  }
  return {
    provisionerId: identity.workerPoolId.slice(0, slash),
    workerType: identity.workerPoolId.slice(slash + 1),
  };
}
