import type { DummyWorkerConfig } from '../config/runner-config.ts';
import { createDockerWorker } from './docker-worker.ts';
import { createGenericWorker } from './generic-worker.ts';
import type { Worker } from './worker.ts';

/**
 * Starts nothing: the runner shows the state instead, for debugging a configuration. With `as` it is configured as
 * that implementation would be, so that the very file can be shown.
 */
export function createDummyWorker(config: DummyWorkerConfig): Worker {
  if (config.as === undefined) {
    return {
      name: 'dummy',
      configKey: 'dummy',
      configure: () => ({}),
      launch: { kind: 'show' },
    };
  }
  const { configPath = `${config.as}.json` } = config;
  return { ...createShown(config.as, configPath), launch: { kind: 'show' } };
}

function createShown(implementation: NonNullable<DummyWorkerConfig['as']>, configPath: string): Worker {
  const path = implementation;
  switch (implementation) {
    case 'docker-worker':
      return createDockerWorker({ implementation, path, configPath });
    case 'generic-worker':
      return createGenericWorker({ implementation, path, configPath });
  }
}
