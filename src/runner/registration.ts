/** Step 3: credentials, from worker-manager or from the runner config. */
import { abortLater } from '../abort-later.ts';
import type { Registered } from '../model.ts';
import type { Identification } from '../providers/provider.ts';
import { SignalledError } from './signals.ts';
import type { World } from './world.ts';

/**
 * A try that is under way at a signal may end well by then: the service may have acted, and takes no second
 * registration.
 */
const GRACE_MS = 5_000;

/**
 * Registers the worker, or takes the credentials that it was configured with.
 * @throws RunnerError as Taskcluster.registerWorker does; the reason of the boot's signal where no answer was to be had
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
    world.system.bootTime(),
  ]);
  signals.boot.throwIfAborted();
  const done = new AbortController();
  const cut = AbortSignal.any([cutAfter(signals.boot, done.signal, world), world.fault]);
  const request = {
    identity,
    providerId,
    prove: (signal: AbortSignal) => registration.prove(AbortSignal.any([signal, signals.boot])),
    patience,
    ifRefused,
    ...(bootTime === undefined ? {} : { systemBootTime: bootTime }),
  };
  const registered = await taskcluster
    .registerWorker(request, cut, { noMoreTries: signals.boot })
    .catch((error: unknown) => {
      signals.boot.throwIfAborted();
      throw error;
    })
    .finally(() => done.abort());
  const expiry = registered.credentialsExpireAt;
  log.info(`registered${expiry === undefined ? '' : `; the credentials end at ${expiry.toISOString()}`}`);
  return registered;
}

/** Fires some seconds after SIGTERM or SIGINT, and at once with all else that ends a boot. */
function cutAfter(boot: AbortSignal, done: AbortSignal, { clock, log }: World): AbortSignal {
  const cut = new AbortController();
  function begin(): void {
    if (!(boot.reason instanceof SignalledError)) {
      cut.abort(boot.reason);
      return;
    }
    log.info(`${boot.reason.signal}: the registration that is under way has ${GRACE_MS / 1000} s to end`);
    abortLater(cut, GRACE_MS, boot.reason, { clock, done });
  }
  boot.addEventListener('abort', begin, { once: true, signal: done });
  return cut.signal;
}
