/** Weakness 16: a renewal waits for a hello that may never come. */
import type { Connection } from '../../../src/protocol/connection.ts';
import {
  type RenewalOfWorker,
  type RenewalRequest,
  startRenewal as original,
} from '../../../src/runner/renewal.ts';
import type { World } from '../../../src/runner/world.ts';

export function startRenewal(request: RenewalRequest, connection: Connection, world: World): RenewalOfWorker {
  let renewal: RenewalOfWorker | undefined;
  void connection.able('new-credentials').then(() => {
    renewal = original(request, connection, world);
  });
  return {
    finish: async timeoutMs => renewal?.finish(timeoutMs),
    giveUp: () => renewal?.giveUp(),
  };
}
