/**
 * The story of a run, told once. State is a value that grows along these lines; no step reaches back, and the
 * sources of configuration stay apart until the worker's configuration is rendered.
 */
import type { RunnerConfig } from '../config/runner-config.ts';
import type { RunnerError } from '../errors.ts';
import { writeFiles } from '../files/write-files.ts';
import { writePrivateFile } from '../files/private-file.ts';
import { createProvider } from '../providers/index.ts';
import type { Identification, Provider } from '../providers/provider.ts';
import { loadLibrary as loadStarter } from '../supervision/start.ts';
import { createWorker } from '../workers/index.ts';
import { collectSources } from './collect.ts';
import { createEnding, type Ending } from './ending.ts';
import type { RunEnd } from './ends.ts';
import { type Interruptions, watchInterruptions } from './interruptions.ts';
import { endBootOfDoomed, refuseDoomed } from './refuse-doomed.ts';
import { register } from './registration.ts';
import { filesToWrite, render } from './render.ts';
import { SignalledError } from './signals.ts';
import { work } from './work.ts';
import type { World } from './world.ts';

/**
 * Takes a machine from its runner config to the end of its worker, and disposes of it where it is a cloud's.
 * @param obstacle why there can be no worker: the run fails with it, once it is known whose machine this is
 * @returns the exit code: the worker's own, that of a failure (which is in the log then), or 128 + n after a signal
 * @throws RunnerError where the environment is so wrong that nothing can begin
 */
export async function run(config: RunnerConfig, world: World, obstacle?: RunnerError): Promise<number> {
  const { env, clock, log } = world;
  const { metadata, interruptions: watching } = config;
  const provider = createProvider(config.provider, { env, clock, log, metadata, interruptions: watching });
  const interruptions = watchInterruptions(provider.noticeSources, world);
  const ending = createEnding({ config, provider, interruptions }, world);
  try {
    return await ending.of(life => live({ config, provider, interruptions, ending, obstacle }, life));
  } finally {
    interruptions.close();
    provider.close();
  }
}

interface Machine {
  readonly config: RunnerConfig;
  readonly provider: Provider;
  readonly interruptions: Interruptions;
  readonly ending: Ending;
  readonly obstacle: RunnerError | undefined;
}

async function live(machine: Machine, begun: World): Promise<RunEnd> {
  const { config, interruptions, ending } = machine;
  const { log, services } = begun;
  const worker = createWorker(config.worker);

  const identification = await identify(machine, begun.signals.boot);
  const { identified, registration } = identification;
  if (registration.kind === 'register') services.prepare(identified.identity.rootUrl);
  await interruptions.firstAnswer(begun.signals.boot);
  refuseDoomed(interruptions);
  const world = endBootOfDoomed(interruptions, begun);
  // Loaded while worker-manager takes its time; where it can't be, it is told when it is needed.
  if (worker.launch.kind === 'command') loadStarter().catch(() => undefined);
  const registered = await register(identification, world);
  if (registration.kind === 'register') ending.registeredAs(identified.identity);
  services.useCredentials(registered.credentials);
  const sources = await collectSources(
    { ...config, identified, registered, configKey: worker.configKey },
    world,
  );
  const rendered = render(worker, { identified, registered, sources });

  if (worker.launch.kind === 'show') {
    const { show } = await import('./show.ts');
    await show({ identified, registered, sources }, rendered, config, world);
    return { kind: 'shown' };
  }
  await writeFiles(filesToWrite(sources), config.limits, log, world.signals.boot);
  await writePrivateFile(worker.launch.configPath, rendered.text);
  refuseDoomed(interruptions);
  return work({ ...config, launch: worker.launch, identified, interruptions, ending }, world);
}

async function identify(
  { provider, interruptions, obstacle }: Machine,
  signal: AbortSignal,
): Promise<Identification> {
  try {
    const identification = await provider.identify(signal);
    if (obstacle !== undefined) throw obstacle;
    return identification;
  } catch (error) {
    interruptions.endBoot();
    throw error instanceof SignalledError ? error : (obstacle ?? error);
  }
}
