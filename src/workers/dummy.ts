import type { DummyWorkerConfig } from '../config/runner-config.ts';
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
  const shown = createGenericWorker({
    implementation: 'generic-worker',
    path: 'generic-worker',
    configPath: config.configPath ?? 'generic-worker.json',
  });
  return { ...shown, launch: { kind: 'show' } };
}
