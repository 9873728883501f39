/** The code that a build saves beside its programs: a start uses it, and survives whatever becomes of it. */
import assert from 'node:assert/strict';
import { cp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { programPath, ROOT, runFile, type ProgramResult } from '../support/program.ts';
import { STANDALONE_PROVIDER, writeRunnerConfig } from '../support/runner-config.ts';
import { temporaryFolder } from '../support/temp.ts';

/** Shows its state from a copy of dist/ whose saved code was spoiled. */
async function runWith(
  t: TestContext,
  spoil: (code: string, bundle: string) => Promise<void>,
): Promise<ProgramResult> {
  const folder = await temporaryFolder(t);
  const dist = join(folder, 'dist');
  await cp(dirname(programPath('start-worker')), dist, { recursive: true });
  const bundle = join(dist, 'start-worker-main.cjs');
  await spoil(bundle.replace('.cjs', '.code'), bundle);
  const config = await writeRunnerConfig(folder, {
    provider: STANDALONE_PROVIDER,
    worker: { implementation: 'dummy' },
    getSecrets: false,
  });
  return runFile(join(dist, basename(programPath('start-worker'))), [config], { cwd: ROOT });
}

for (const { what, spoil } of [
  { what: 'is missing', spoil: (code: string) => rm(code) },
  { what: 'is empty', spoil: (code: string) => truncate(code, 0) },
  { what: 'is cut off', spoil: (code: string) => truncate(code, 100_000) },
  {
    what: 'has rotted',
    async spoil(code: string) {
      const bytes = await readFile(code);
      for (let at = 1000; at < bytes.length; at += 3001) bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at);
      await writeFile(code, bytes);
    },
  },
]) {
  void test(`start-worker runs where its saved code ${what}`, async t => {
    const { code, stdout, stderr } = await runWith(t, spoil);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /provider: standalone/);
  });
}

void test('code that was saved for another bundle is not run', async t => {
  const { code, stdout, stderr } = await runWith(t, async (_, bundle) => {
    const text = await readFile(bundle, 'latin1');
    // As long as before, which is all that V8 itself looks at.
    await writeFile(
      bundle,
      text.replace('What start-worker knows of', 'What START-WORKER knows of'),
      'latin1',
    );
  });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /What START-WORKER knows of/);
});
