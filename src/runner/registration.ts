/** Step 3: credentials, from worker-manager or from the runner config. */
import type { Registered } from '../model.ts';
import { systemBootTime } from '../platform/boot-time.ts';
import type { Identification } from '../providers/provider.ts';
import type { World } from './world.ts';

/**
 * Registers the worker, or takes the credentials that it was configured with.
 * @throws RunnerError as Taskcluster.registerWorker does
 */
export async function register(
  { identified, registration }: Identification,
  world: World,
): Promise<Registered> {
  if (registration.kind === 'preconfigured') return registration.registered;
  const { identity } = identified;
  const { log, signals } = world;
  const { providerId, patience, ifRefused } = registration;
  log.info(
    `registering worker ${identity.workerGroup}/${identity.workerId} of pool ${identity.workerPoolId}`,
    {
      rootUrl: identity.rootUrl,
      providerId,
    },
  );
  const [taskcluster, bootTime] = await Promise.all([
    world.services.taskcluster(identity.rootUrl),
    systemBootTime(),
  ]);
  const registered = await taskcluster.registerWorker(
    {
      identity,
      providerId,
      prove: signal => registration.prove(signal),
      patience,
      ifRefused,
      ...(bootTime === undefined ? {} : { systemBootTime: bootTime }),
    },
    signals.boot,
  );
  const expiry = registered.credentialsExpireAt;
  log.info(`registered${expiry === undefined ? '' : `; the credentials end at ${expiry.toISOString()}`}`);
  return registered;
}
