import type { JsonObject } from '../../src/json.ts';
import type { WorkerContext } from '../../src/workers/worker.ts';

/** What a worker implementation may look at, as a static machine has it. */
export function workerContext(
  changes: { metadata?: JsonObject; workerPoolId?: string; certificate?: string } = {},
): WorkerContext {
  return {
    identified: {
      identity: {
        rootUrl: 'https://tc.example.com',
        workerPoolId: changes.workerPoolId ?? 'proj/linux',
        workerGroup: 'desk',
        workerId: 'one',
      },
      location: { cloud: 'static', rack: '7' },
      metadata: changes.metadata ?? {},
    },
    registered: {
      credentials: {
        clientId: 'worker/1',
        accessToken: 'token',
        ...(changes.certificate === undefined ? {} : { certificate: changes.certificate }),
      },
      providerConfig: {},
    },
  };
}
