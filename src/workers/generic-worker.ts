import type { GenericWorkerConfig } from '../config/runner-config.ts';
import type { JsonObject } from '../json.ts';
import { fromMetadata, locationText, splitPool } from './shared.ts';
import type { Worker, WorkerContext } from './worker.ts';

/** generic-worker's config key ← the provider's metadata key. */
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
      ...(config.openFiles === undefined ? {} : { openFiles: config.openFiles }),
    },
  };
}

function configure(context: WorkerContext): JsonObject {
  const { identity, location, metadata } = context.identified;
  const { credentials } = context.registered;
  return {
    ...fromMetadata(FROM_METADATA, metadata),
    workerLocation: locationText(location),
    workerTypeMetadata: metadata,
    rootURL: identity.rootUrl,
    clientId: credentials.clientId,
    accessToken: credentials.accessToken,
    ...(credentials.certificate === undefined ? {} : { certificate: credentials.certificate }),
    workerGroup: identity.workerGroup,
    workerId: identity.workerId,
    ...splitPool(identity, 'generic-worker'),
  };
}
