/** Before step 2: what an earlier start of this machine left, so that it goes on as the same worker. */
import { RunnerError } from '../errors.ts';
import { collectSecrets } from '../logging/collect-secrets.ts';
import type { Redactor } from '../logging/redactor.ts';
import type { Provider } from '../providers/provider.ts';
import { answerWithin } from '../settles-within.ts';
import type { KeptState, Recognition, StateStore } from '../state/state.ts';
import { skewWords, TOLERATED_SKEW_MS } from '../taskcluster/clock-skew.ts';
import { learnCredentials } from '../taskcluster/replies.ts';
import type { Ending } from './ending.ts';
import type { Interruptions } from './interruptions.ts';
import type { World } from './world.ts';

/** How long the metadata service is asked whether this is still the same machine. */
const RECOGNIZE_MS = 2_000;

/** How long worker-manager is asked what time it is. */
const ASK_TIME_MS = 5_000;

export interface RecallRequest {
  readonly provider: Provider;
  readonly store: StateStore;
  readonly ending: Pick<Ending, 'registeredAs'>;
  readonly interruptions: Pick<Interruptions, 'endBoot'>;
  /** Why there can be no worker: thrown once it is known whose machine this is. */
  readonly obstacle: RunnerError | undefined;
}

/**
 * @returns undefined where there is nothing to go on with: the boot starts from the beginning
 * @throws RunnerError `state.expired`, exit `expired`, on a cloud, where the kept credentials have ended
 */
export async function recall(request: RecallRequest, world: World): Promise<KeptState | undefined> {
  const { store, provider, ending, interruptions, obstacle } = request;
  const { log, redactor, services, signals } = world;
  let recognized: Recognition | undefined;
  const kept = await store.load(async instance => {
    recognized = await recognizeInTime(provider, instance, world, signals.boot);
    return recognized;
  });
  if (kept === undefined) return undefined;
  learn(kept, redactor);
  const { identity } = kept.identified;
  log.info(
    `going on as the worker that an earlier start of this machine was (${kept.phase}), ${identity.workerPoolId}/${identity.workerGroup}/${identity.workerId}`,
  );
  try {
    if (provider.host().kind === 'owned') return await asConfigured(kept, request, world);
    ending.registeredAs(identity, recognized === 'unknown' ? kept.instance : undefined);
    if (recognized === 'unknown') {
      log.info(`nobody has said in time which instance this is: it is taken for ${kept.instance}`);
    }
    // Also where the run fails now: it ends with removeWorker.
    services.useCredentials(kept.registered.credentials);
    if (obstacle !== undefined) throw obstacle;
    await refuseExpired(kept, world);
    return kept;
  } catch (error) {
    interruptions.endBoot();
    throw error;
  }
}

/** Whether this machine is that instance; `unknown` where nobody has said so in 2 s. Rejects with the signal's reason. */
export async function recognizeInTime(
  provider: Provider,
  instance: string,
  { clock }: Pick<World, 'clock'>,
  signal: AbortSignal,
): Promise<Recognition> {
  const ask = (limited: AbortSignal) => provider.recognize(instance, limited);
  return (await answerWithin(ask, RECOGNIZE_MS, signal, clock)) ?? 'unknown';
}

/** Before anything about it can be logged. */
function learn({ registered, secrets, finished = {} }: KeptState, redactor: Redactor): void {
  learnCredentials(registered.credentials, redactor);
  if (registered.registrationSecret !== undefined) redactor.add(registered.registrationSecret);
  for (const source of [registered.providerConfig, finished, ...secrets.map(({ config }) => config)]) {
    collectSecrets(source, redactor);
  }
}

/** Of a machine of one's own, who it is and with which credentials stands in the runner config of this start. */
async function asConfigured(
  kept: KeptState,
  { provider, obstacle }: RecallRequest,
  { services, signals }: World,
): Promise<KeptState> {
  const { identified, registration } = await provider.identify(signals.boot);
  if (obstacle !== undefined) throw obstacle;
  const registered = registration.kind === 'preconfigured' ? registration.registered : kept.registered;
  services.useCredentials(registered.credentials);
  return { ...kept, identified, registered };
}

/** A clock that is wrong, as happens early in a boot, must not cost the machine: worker-manager knows the time too. */
async function refuseExpired({ identified, registered }: KeptState, world: World): Promise<void> {
  const { clock, log } = world;
  const expireAt = registered.credentialsExpireAt;
  if (expireAt === undefined || clock.now() < expireAt.getTime()) return;
  const skewMs = await askClockSkew(identified.identity.rootUrl, world);
  if (clock.now() - skewMs < expireAt.getTime()) {
    log.warn(`${skewWords(skewMs)}: the kept credentials are good until ${expireAt.toISOString()}`);
    return;
  }
  throw new RunnerError(
    'state.expired',
    `the credentials that an earlier start of this machine left ended at ${expireAt.toISOString()}: it can be this worker no longer, and worker-manager takes no second registration`,
    {
      exit: 'expired',
      advice:
        'a machine that is off for longer than its credentials last cannot go on; a longer reregistrationTimeout of the worker pool makes them last longer',
    },
  );
}

/**
 * Our clock minus worker-manager's, in ms; 0 where it says nothing in time, or where our clock is right: what it says is
 * a time in whole seconds. Rejects with the signal's reason.
 */
async function askClockSkew(rootUrl: string, { clock, services, signals }: World): Promise<number> {
  const ask = (signal: AbortSignal) =>
    services
      .taskcluster(rootUrl)
      .then(taskcluster => taskcluster.clockSkewMs(signal))
      // Why there is none does not matter: then our own clock counts.
      .catch(() => undefined);
  const skewMs = (await answerWithin(ask, ASK_TIME_MS, signals.boot, clock)) ?? 0;
  return Math.abs(skewMs) <= TOLERATED_SKEW_MS ? 0 : skewMs;
}
