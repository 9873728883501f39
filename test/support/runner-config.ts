/** Runner configs for tests of the built program. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from './program.ts';
import { WORKER } from './simulator.ts';

/** A small real program to be started as the worker. */
export function fixture(name: string): string {
  return join(ROOT, 'test', 'fixtures', name);
}

/** The provider section by which WORKER registers. */
export function staticProvider(rootUrl: string): object {
  return {
    providerType: 'static',
    rootURL: rootUrl,
    providerID: WORKER.providerId,
    workerPoolID: WORKER.workerPoolId,
    workerGroup: WORKER.workerGroup,
    workerID: WORKER.workerId,
    staticSecret: WORKER.staticSecret,
  };
}

/** A provider section that asks nobody. Nothing listens at its root URL. */
export const STANDALONE_PROVIDER = {
  providerType: 'standalone',
  rootURL: 'http://127.0.0.1:1',
  clientID: 'test-client',
  accessToken: 'access-token-of-the-test',
  workerPoolID: 'demo/laptop',
  workerGroup: 'my-desk',
  workerID: 'laptop-1',
} as const;

export function genericWorker(folder: string, path: string): object {
  return { implementation: 'generic-worker', path, configPath: join(folder, 'worker.json') };
}

/** Writes a runner config (JSON is YAML) that only its owner can read, and gives its path. */
export async function writeRunnerConfig(folder: string, config: object): Promise<string> {
  const path = join(folder, 'runner.yml');
  await writeFile(path, JSON.stringify(config, null, 2), { mode: 0o600 });
  return path;
}

/** A runner config that starts a program as standalone's worker, without asking anybody. */
export function writeStandaloneConfig(
  folder: string,
  workerPath: string,
  more: object = {},
): Promise<string> {
  return writeRunnerConfig(folder, {
    provider: STANDALONE_PROVIDER,
    worker: genericWorker(folder, workerPath),
    getSecrets: false,
    ...more,
  });
}

/** Writes a shell script that can be started as a worker. */
export async function writeScript(folder: string, name: string, body: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return path;
}
