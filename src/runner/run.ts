/**
 * The story of a run, told once. State is a value that grows along these lines; no step reaches back, and the
 * sources of configuration stay apart until the worker's configuration is rendered.
 */
import type { RunnerConfig } from '../config/runner-config.ts';
import { writeFiles } from '../files/write-files.ts';
import { writePrivateFile } from '../files/private-file.ts';
import { createProvider } from '../providers/index.ts';
import { createWorker } from '../workers/index.ts';
import { collectSources } from './collect.ts';
import { exitCodeOf } from './exit.ts';
import { register } from './registration.ts';
import { filesToWrite, render } from './render.ts';
import { work } from './work.ts';
import type { World } from './world.ts';

/**
 * Takes a machine from its runner config to the end of its worker.
 * @returns the exit code: the worker's own, or 128 + n after a signal
 * @throws RunnerError whose exit code is the run's
 */
export async function run(config: RunnerConfig, world: World): Promise<number> {
  const { log, services, signals } = world;
  const provider = createProvider(config.provider);
  const worker = createWorker(config.worker);

  const identified = await provider.identify(signals.boot);
  const registered = await register(provider, identified, world);
  services.useCredentials(registered.credentials);
  const sources = await collectSources(
    { ...config, identified, registered, configKey: worker.configKey },
    world,
  );
  const rendered = render(worker, { identified, registered, sources });

  if (worker.launch.kind === 'show') {
    const { show } = await import('./show.ts');
    await show({ identified, registered, sources }, rendered, config, world);
    return 0;
  }
  await writeFiles(filesToWrite(sources), config.limits, log, signals.boot);
  await writePrivateFile(worker.launch.configPath, rendered.text);
  const exit = await work(
    {
      launch: worker.launch,
      identity: identified.identity,
      providerName: provider.name,
      lifecycle: config.lifecycle,
      limits: config.limits,
    },
    world,
  );
  return exitCodeOf(exit);
}
