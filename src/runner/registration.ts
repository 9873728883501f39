/** Step 3: credentials, from worker-manager or from the runner config. */
import type { Identified, Registered } from '../model.ts';
import { systemBootTime } from '../platform/boot-time.ts';
import type { Provider } from '../providers/provider.ts';
import type { World } from './world.ts';

/**
 * Registers the worker, or takes the credentials that it was configured with.
 * @throws RunnerError as Taskcluster.registerWorker does
 */
export async function register(
  provider: Provider,
  identified: Identified,
  world: World,
): Promise<Registered> {
  const { registration } = provider;
  if (registration.kind === 'preconfigured') return registration.registered;
  const { identity } = identified;
  const { log, signals } = world;
  log.info(
    `registering worker ${identity.workerGroup}/${identity.workerId} of pool ${identity.workerPoolId}`,
    {
      rootUrl: identity.rootUrl,
      providerId: registration.providerId,
    },
  );
  const taskcluster = await world.services.taskcluster(identity.rootUrl);
  const bootTime = await systemBootTime();
  const registered = await taskcluster.registerWorker(
    {
      identity,
      providerId: registration.providerId,
      prove: signal => registration.prove(signal),
      ...(bootTime === undefined ? {} : { systemBootTime: bootTime }),
    },
    signals.boot,
  );
  const expiry = registered.credentialsExpireAt;
  log.info(`registered${expiry === undefined ? '' : `; the credentials end at ${expiry.toISOString()}`}`);
  return registered;
}
