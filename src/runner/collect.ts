/** Step 4: the sources of the worker's configuration, lowest precedence first. They stay apart until they are merged. */
import type { RunnerConfig } from '../config/runner-config.ts';
import { RunnerError } from '../errors.ts';
import { collectSecrets } from '../logging/collect-secrets.ts';
import type { ConfigSource, Identified } from '../model.ts';
import type { KeptState } from '../state/state.ts';
import type { Taskcluster } from '../taskcluster/taskcluster.ts';
import { finishedSource, providerSource, runnerConfigSource, secretSource } from './sources.ts';
import type { World } from './world.ts';

/**
 * The sources in their order: runner config, provider, secret `worker-type:<pool>`, secret `worker-pool:<pool>`. What
 * looks secret in them is made known to the logger before anyone can log it.
 * @param configKey the worker implementation's name in provider configuration: `genericWorker`
 * @throws RunnerError `source.*` where a source has a wrong shape
 */
export function sourcesOf(
  { registered, secrets, finished }: Pick<KeptState, 'registered' | 'secrets' | 'finished'>,
  { workerConfig, getSecrets }: Pick<RunnerConfig, 'workerConfig' | 'getSecrets'>,
  configKey: string,
  { log, redactor }: Pick<World, 'log' | 'redactor'>,
): readonly ConfigSource[] {
  // The reference keeps nothing else; merged over anything it would win, and merged under it its arrays would double.
  if (finished !== undefined) return [finishedSource(finished)];
  collectSecrets(registered.providerConfig, redactor);
  return [
    runnerConfigSource(workerConfig),
    providerSource(registered.providerConfig, configKey, message => log.warn(message)),
    ...(getSecrets ? secrets : []),
  ];
}

/**
 * Asks the secrets service, where the runner config wants that.
 * @throws RunnerError `source.*` where a secret has a wrong shape, or as Taskcluster.getSecret does
 */
export async function fetchSecrets(
  { getSecrets }: Pick<RunnerConfig, 'getSecrets'>,
  { identity }: Identified,
  world: World,
): Promise<readonly ConfigSource[]> {
  if (!getSecrets) return [];
  const taskcluster = await world.services.taskcluster(identity.rootUrl);
  const pool = identity.workerPoolId;
  // Both at once: each costs a round trip. The old name is the weaker one, and a pool need not have scopes for it.
  const answers = await Promise.all([
    readSecret(taskcluster, `worker-type:${pool}`, world, [403, 404, 410]),
    readSecret(taskcluster, `worker-pool:${pool}`, world, [404, 410]),
  ]);
  return answers.filter(source => source !== undefined);
}

async function readSecret(
  taskcluster: Taskcluster,
  name: string,
  world: World,
  absent: readonly number[],
): Promise<ConfigSource | undefined> {
  const answer = await taskcluster.getSecret(name, world.signals.boot);
  if (answer.kind === 'found') {
    collectSecrets(answer.secret, world.redactor);
    world.log.info(`took secret ${name}`);
    return secretSource(name, answer.secret);
  }
  if (!absent.includes(answer.status)) {
    throw new RunnerError(
      'secrets.refused',
      `secret ${name} was refused (${answer.status}): ${answer.message}`,
      {
        exit: 'refused',
        advice: `give the worker pool's workers the scope secrets:get:${name}, or set getSecrets: false`,
      },
    );
  }
  if (answer.status === 410) world.log.warn(`secret ${name} has expired: it counts as absent`);
  return undefined;
}
