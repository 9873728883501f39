/** A runner config in YAML that starts nothing, for tests of what its user may get wrong. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import type { ProgramResult } from './program.ts';
import { temporaryFolder } from './temp.ts';

/** Asks nobody and starts nothing. */
export const DUMMY = `provider:
  providerType: standalone
  rootURL: http://127.0.0.1:1
  clientID: c
  accessToken: the-access-token-of-the-test
  workerPoolID: demo/laptop
  workerGroup: my-desk
  workerID: laptop-1
worker:
  implementation: dummy
getSecrets: false
`;

/** Writes a runner config that only its owner can read, and gives its path. */
export async function configFile(t: TestContext, content: string | Buffer): Promise<string> {
  const path = join(await temporaryFolder(t), 'runner.yml');
  await writeFile(path, content, { mode: 0o600 });
  return path;
}

/** Holds a run to the code of a bad config, to a few lines that name the file, and to no stack. */
export function assertBadConfig({ code, stdout, stderr }: ProgramResult, path: string): void {
  assert.equal(code, EXIT_CODES.config.code, stderr);
  assert.equal(stdout, '');
  assert.ok(stderr.includes(`${path}:`), stderr);
  assert.doesNotMatch(stderr, /\n\s+at |internal|fault of start-worker/);
}
