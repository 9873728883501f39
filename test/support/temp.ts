import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A folder of the test's own, removed when the test is over. No part of its path is a symlink. */
export async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await makeTemporaryFolder();
  t.after(() => removeFolder(folder));
  return folder;
}

/** For what several tests share: whoever makes it, removes it. No part of its path is a symlink. */
export async function makeTemporaryFolder(): Promise<string> {
  return mkdtemp(join(await realpath(tmpdir()), 'worker-runner-test-'));
}

export function removeFolder(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true });
}
