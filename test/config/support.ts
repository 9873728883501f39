/** Runner configs for the tests of this room: written to a file, loaded, and their mistakes collected. */
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { loadRunnerConfig, type LoadedConfig } from '../../src/config/load.ts';
import { RunnerError } from '../../src/errors.ts';
import { temporaryFolder } from '../support/temp.ts';

/** The least that a runner config can be; tests add to it. */
export const MINIMAL = `provider:
  providerType: standalone
  rootURL: https://tc.example.com
  clientID: c
  accessToken: t
  workerPoolID: pool/type
  workerGroup: group
  workerID: worker
worker:
  implementation: dummy
`;

export async function configFile(
  t: TestContext,
  content: string | Buffer,
  name = 'runner.yml',
): Promise<string> {
  const path = join(await temporaryFolder(t), name);
  await writeFile(path, content);
  await chmod(path, 0o600);
  return path;
}

export async function load(t: TestContext, content: string): Promise<LoadedConfig> {
  return loadRunnerConfig(await configFile(t, content));
}

export async function refusal(path: string): Promise<RunnerError> {
  const outcome = await loadRunnerConfig(path).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof RunnerError, `${String(outcome)} is no RunnerError`);
  assert.equal(outcome.exit, 'config');
  return outcome;
}

/** Every mistake as `line:column: text`. */
export async function mistakes(t: TestContext, content: string): Promise<readonly string[]> {
  const path = await configFile(t, content);
  const { message, details } = await refusal(path);
  const lines = details.length === 0 ? [message] : details;
  if (details.length > 0) assert.equal(message, `${path}: ${details.length} mistakes`);
  for (const line of lines) assert.ok(line.startsWith(`${path}:`), line);
  return lines.map(line => line.slice(path.length + 1));
}

/** The one mistake of a config. */
export async function mistake(t: TestContext, content: string): Promise<string> {
  const [only, ...others] = await mistakes(t, content);
  assert.deepEqual(others, []);
  return only ?? '';
}
