/** The runner config of a story, as it stands once it is loaded. */
import type { RunnerConfig } from '../../src/config/runner-config.ts';
import { ROOT_URL } from './cloud.ts';
import { CACHE_PATH, CONFIG_PATH, type Machine, MARK } from './machine.ts';
import type { Story } from './story.ts';

export function configOf(story: Story, machine: Machine): RunnerConfig {
  const identity = {
    rootURL: ROOT_URL,
    workerPoolID: 'pool/one',
    workerGroup: 'zone',
    workerID: machine.workerId,
  };
  const providers = {
    cloud: { providerType: 'google' },
    static: {
      providerType: 'static',
      providerID: 'static',
      staticSecret: `${MARK}-static-secret`,
      ...identity,
    },
    standalone: {
      providerType: 'standalone',
      clientID: 'standalone',
      accessToken: `${MARK}-standalone-token`,
      ...identity,
    },
  } as const;
  return {
    path: 'runner.yml',
    provider: providers[story.provider],
    worker: { implementation: 'generic-worker', path: '/opt/worker', configPath: CONFIG_PATH },
    workerConfig: { order: ['runner'] },
    logging: { implementation: 'stdio' },
    getSecrets: true,
    ...(story.cache && story.provider !== 'static' ? { cacheOverRestarts: CACHE_PATH } : {}),
    network: { retryForMs: 600_000, attemptTimeoutMs: 30_000 },
    limits: {
      lineBytes: 65_536,
      messageBytes: 65_536,
      fileEntries: 10,
      fileSizeBytes: 1e6,
      filesTotalBytes: 1e6,
    },
    lifecycle: {
      helloTimeoutMs: 30_000,
      drainTimeoutMs: 5_000,
      onExit: {
        codes: new Map([
          [0, 'remove'],
          [67, 'keep'],
        ]),
        other: 'remove',
      },
      onFailure: { action: story.onFailure, delayMs: undefined },
      shutdownHost: false,
      shutdownCommand: ['shutdown', '-h', 'now'],
      onSignal: story.onSignal,
      finishTasks: story.finishTasks,
      gracePeriodMs: story.gracePeriodSeconds * 1000,
      killAfterMs: 10_000,
    },
    metadata: { giveUpAfterMs: 120_000 },
    interruptions: { pollMs: undefined, rebalance: true, maintenance: true, acknowledge: false },
    renewal: { beforeMs: 1_800_000, giveUpMs: 300_000 },
  };
}
