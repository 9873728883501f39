/** Weakness 16: one failed call ends the tasks up to half an hour early. */
import type { Connection } from '../../../src/protocol/connection.ts';
import {
  type RenewalOfWorker,
  type RenewalRequest,
  startRenewal as original,
} from '../../../src/runner/renewal.ts';
import type { World } from '../../../src/runner/world.ts';

export function startRenewal(request: RenewalRequest, connection: Connection, world: World): RenewalOfWorker {
  const { beforeMs } = request.renewal;
  const { services } = world;
  return original({ ...request, renewal: { beforeMs, giveUpMs: beforeMs } }, connection, {
    ...world,
    services: {
      ...services,
      async taskcluster(rootUrl) {
        const taskcluster = await services.taskcluster(rootUrl);
        return {
          ...taskcluster,
          reregisterWorker: (identity, secret, signal) =>
            taskcluster.reregisterWorker(identity, secret, signal, { retryForMs: 0 }),
        };
      },
    },
  });
}
