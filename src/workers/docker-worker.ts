import { join } from 'node:path';
import type { DockerWorkerConfig } from '../config/runner-config.ts';
import type { JsonObject } from '../json.ts';
import { fromMetadata, locationText, splitPool } from './shared.ts';
import type { Worker, WorkerContext } from './worker.ts';

/** docker-worker's config key ← the provider's metadata key. */
const FROM_METADATA = {
  host: 'public-hostname',
  publicIp: 'public-ipv4',
  privateIp: 'local-ipv4',
  workerNodeType: 'instance-type',
  instanceType: 'instance-type',
  instanceId: 'instance-id',
  region: 'region',
} as const;

const ARGS: readonly string[] = ['--host', 'worker-runner', 'production'];

/** A worker that runs each task in a Docker container; built as one program, or as the sources that node runs. */
export function createDockerWorker({ path, configPath, openFiles }: DockerWorkerConfig): Worker {
  const sources = join(path, 'src', 'bin', 'worker.js');
  return {
    name: 'docker-worker',
    configKey: 'dockerWorker',
    configure,
    launch: {
      kind: 'command',
      file: join(path, 'bin', 'docker-worker'),
      args: ARGS,
      otherwise: { needs: sources, file: 'node', args: [sources, ...ARGS] },
      env: { DOCKER_WORKER_CONFIG: configPath },
      waitsAfterShutdown: true,
      configPath,
      ...(openFiles === undefined ? {} : { openFiles }),
    },
  };
}

function configure({ identified, registered }: WorkerContext): JsonObject {
  const { identity, location, metadata } = identified;
  const { clientId, accessToken, certificate } = registered.credentials;
  return {
    ...fromMetadata(FROM_METADATA, metadata),
    workerLocation: locationText(location),
    rootUrl: identity.rootUrl,
    taskcluster: { clientId, accessToken, ...(certificate === undefined ? {} : { certificate }) },
    workerId: identity.workerId,
    workerGroup: identity.workerGroup,
    ...splitPool(identity, 'docker-worker'),
  };
}
