/**
 * The story of a run, told once. State is a value that grows along these lines; no step reaches back, and the
 * sources of configuration stay apart until the worker's configuration is rendered.
 */
import type { RunnerConfig } from '../config/runner-config.ts';
import { RunnerError } from '../errors.ts';
import type { Run } from '../model.ts';
import type { Identification, Provider } from '../providers/provider.ts';
import type { KeptState, StateStore } from '../state/state.ts';
import { createStateStore } from '../state/store.ts';
import { createWorker } from '../workers/index.ts';
import type { Launch } from '../workers/worker.ts';
import { type Claim, createClaim } from './claim.ts';
import { fetchSecrets, sourcesOf } from './collect.ts';
import { createEnding, type Ending } from './ending.ts';
import type { RunEnd } from './ends.ts';
import { type Interruptions, watchInterruptions } from './interruptions.ts';
import { endBootOfDoomed, refuseDoomed } from './refuse-doomed.ts';
import { register } from './registration.ts';
import { filesToWrite, render } from './render.ts';
import { recall } from './recall.ts';
import { SignalledError } from './signals.ts';
import { work } from './work.ts';
import { accountOf, type WorkerAccount } from './worker-account.ts';
import type { World } from './world.ts';

/**
 * Takes a machine from its runner config to the end of its worker, and disposes of it where it is a cloud's.
 * @param obstacle why there can be no worker: the run fails with it, once it is known whose machine this is
 * @returns the exit code: the worker's own, that of a failure (which is in the log then), or 128 + n after a signal
 * @throws RunnerError where the environment is so wrong that nothing can begin
 */
export async function run(config: RunnerConfig, world: World, obstacle?: RunnerError): Promise<number> {
  const { env, clock, log, system } = world;
  const { metadata, interruptions: watching } = config;
  const provider = system.createProvider(config.provider, {
    env,
    clock,
    log,
    metadata,
    interruptions: watching,
  });
  const interruptions = watchInterruptions(provider.noticeSources, world);
  const store = createStateStore({
    path: config.cacheOverRestarts,
    provider: provider.name,
    disk: system.stateDisk,
    log,
    // It claims no worker, and so does not know.
    beside: config.worker.implementation === 'dummy',
  });
  const ending = createEnding({ config, provider, interruptions, store }, world);
  const claim = createClaim(world);
  const machine: Machine = { config, provider, interruptions, store, ending, claim, obstacle };
  try {
    return await ending.of(life => live(machine, life));
  } finally {
    await claim.release();
    interruptions.close();
    provider.close();
  }
}

interface Machine {
  readonly config: RunnerConfig;
  readonly provider: Provider;
  readonly interruptions: Interruptions;
  readonly store: StateStore;
  readonly ending: Ending;
  readonly claim: Claim;
  readonly obstacle: RunnerError | undefined;
}

async function live(found: Machine, begun: World): Promise<RunEnd> {
  const { config, interruptions, store, ending, claim } = found;
  const { tell } = begun;
  const worker = createWorker(config.worker);
  const { launch } = worker;
  const { account, obstacle } = await makeWay(launch, found, begun);
  const machine = { ...found, obstacle };

  const origin = (await recall(machine, begun)) ?? (await identify(machine, begun));
  const resumed = 'phase' in origin;
  tell({ kind: 'identified', identified: origin.identified, resumed });
  await interruptions.firstAnswer(begun.signals.boot);
  refuseDoomed(interruptions);
  const world = endBootOfDoomed(interruptions, begun);
  // Loaded while worker-manager takes its time.
  if (launch.kind === 'command') world.system.prepareStart();
  const known = resumed ? origin : await becomeWorker(origin, machine, world);
  const { identified, registered } = known;
  tell({ kind: 'credentials', expireAt: registered.credentialsExpireAt, renewed: false });
  const isReady = known.phase === 'ready';
  if (!isReady) tell({ kind: 'phase', phase: 'collecting secrets' });
  const secrets = isReady ? known.secrets : await fetchSecrets(config, identified, world);
  const sources = sourcesOf({ ...known, secrets }, config, worker.configKey, world);
  const run: Run = { identified, registered, sources };
  const rendered = render(worker, run);

  if (launch.kind === 'show') {
    const { show } = await import('./show.ts');
    await show(run, rendered, config, world);
    return { kind: 'shown' };
  }
  tell({ kind: 'phase', phase: 'writing files' });
  if (!isReady) {
    await world.system.writeFiles(filesToWrite(sources), config.limits, world.log, world.signals.boot);
  }
  await world.system.writePrivateFile(launch.configPath, rendered.text, account);
  const state: KeptState = { ...known, phase: 'ready', secrets };
  if (!isReady) await store.save(state);
  refuseDoomed(interruptions);
  return work(
    { ...config, account, worker, launch, run, resumed, state, store, interruptions, ending, claim },
    world,
  );
}

/**
 * Before anything of this start's own: the worker is claimed, and one that was left behind is ended. What stands against
 * a worker only comes up once it is known whose machine this is.
 * @throws RunnerError `worker.busy` where another start-worker is there: nothing of it is touched
 */
async function makeWay(
  launch: Launch,
  { config, claim, obstacle }: Machine,
  { signals }: World,
): Promise<{ readonly account?: WorkerAccount | undefined; readonly obstacle: RunnerError | undefined }> {
  if (launch.kind !== 'command') return { obstacle };
  const left = await claim.take(launch.configPath, config.lifecycle.killAfterMs, signals.boot);
  try {
    return { account: await accountOf(config.worker), obstacle: obstacle ?? left };
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    return { obstacle: obstacle ?? left ?? error };
  }
}

async function identify(
  { config, provider, interruptions, obstacle }: Machine,
  { services, signals, tell }: World,
): Promise<Identification> {
  tell({ kind: 'phase', phase: 'identifying' });
  try {
    const identification = await provider.identify(signals.boot);
    if (obstacle !== undefined) throw obstacle;
    const { identified, registration } = identification;
    if (registration.kind === 'register' || config.getSecrets) services.prepare(identified.identity.rootUrl);
    return identification;
  } catch (error) {
    interruptions.endBoot();
    throw error instanceof SignalledError ? error : (obstacle ?? error);
  }
}

/** A registration is kept at once: a second one would be refused. */
async function becomeWorker(
  identification: Identification,
  { provider, store, ending }: Machine,
  world: World,
): Promise<KeptState> {
  const { identified, instance, registration } = identification;
  world.tell({ kind: 'phase', phase: 'registering' });
  const registered = await register(identification, world);
  world.services.useCredentials(registered.credentials);
  if (registration.kind === 'register') ending.registeredAs(identified.identity);
  const state: KeptState = {
    phase: 'registered',
    provider: provider.name,
    instance,
    identified,
    registered,
    secrets: [],
  };
  await store.save(state);
  // A signal that came meanwhile has let it end, so that the next start can go on.
  world.signals.boot.throwIfAborted();
  return state;
}
