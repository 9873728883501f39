import type { GenericWorkerConfig } from '../config/runner-config.ts';
import { RunnerError } from '../errors.ts';
import type { JsonObject, JsonValue } from '../json.ts';
import type { WorkerIdentity } from '../model.ts';
import type { Worker, WorkerContext } from './worker.ts';

/** generic-worker's config key ← the provider's metadata key; a key that the provider lacks stays out. */
const FROM_METADATA = {
  publicIP: 'public-ipv4',
  privateIP: 'local-ipv4',
  instanceType: 'instance-type',
  instanceID: 'instance-id',
  region: 'region',
  availabilityZone: 'availability-zone',
} as const;

/** https://docs.taskcluster.net/docs/reference/workers/generic-worker: a multi-platform worker, started as a command. */
export function createGenericWorker(config: GenericWorkerConfig): Worker {
  return {
    name: 'generic-worker',
    configKey: 'genericWorker',
    configure,
    launch: {
      kind: 'command',
      file: config.path,
      args: ['run', '--config', config.configPath, '--with-worker-runner'],
      env: {},
      configPath: config.configPath,
    },
  };
}

function configure(context: WorkerContext): JsonObject {
  const { identity, location, metadata } = context.identified;
  const { credentials } = context.registered;
  return {
    ...fromMetadata(metadata),
    workerLocation: locationText(location),
    workerTypeMetadata: metadata,
    rootURL: identity.rootUrl,
    clientId: credentials.clientId,
    accessToken: credentials.accessToken,
    ...(credentials.certificate === undefined ? {} : { certificate: credentials.certificate }),
    workerGroup: identity.workerGroup,
    workerId: identity.workerId,
    ...splitPool(identity),
  };
}

/** A string that holds JSON, its keys sorted: generic-worker hands it to tasks as $TASKCLUSTER_WORKER_LOCATION. */
function locationText(location: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(location).sort(([a], [b]) => (a < b ? -1 : 1))));
}

function fromMetadata(metadata: JsonObject): JsonObject {
  const entries: [string, JsonValue][] = [];
  for (const [key, metadataKey] of Object.entries(FROM_METADATA)) {
    const value = metadata[metadataKey];
    if (value !== undefined) entries.push([key, value]);
  }
  return Object.fromEntries(entries);
}

/** generic-worker still names a worker pool by its two halves: everything before the first slash, and the rest. */
function splitPool(identity: WorkerIdentity): { provisionerId: string; workerType: string } {
  const slash = identity.workerPoolId.indexOf('/');
  if (slash < 0) {
    throw new RunnerError(
      'worker.identity',
      `the worker pool id "${identity.workerPoolId}" has no slash, and generic-worker needs its two halves`,
      { exit: 'config', advice: 'write it as provisionerId/workerType' },
    );
  }
  return {
    provisionerId: identity.workerPoolId.slice(0, slash),
    workerType: identity.workerPoolId.slice(slash + 1),
  };
}
