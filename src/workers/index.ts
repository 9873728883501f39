import type { WorkerConfigSection } from '../config/runner-config.ts';
import { createDockerWorker } from './docker-worker.ts';
import { createDummyWorker } from './dummy.ts';
import { createGenericWorker } from './generic-worker.ts';
import type { Worker } from './worker.ts';

/** The registry: one line a worker implementation. A test compares it with this folder and with schemas/. */
export function createWorker(config: WorkerConfigSection): Worker {
  switch (config.implementation) {
    case 'docker-worker':
      return createDockerWorker(config);
    case 'dummy':
      return createDummyWorker(config);
    case 'generic-worker':
      return createGenericWorker(config);
  }
}
