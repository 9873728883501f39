/** A SIGKILL at any instant leaves the old state or the new one. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { readState } from '../../src/state/kept-file.ts';
import { startFile } from '../support/program.ts';
import { fixture } from '../support/runner-config.ts';
import { temporaryFolder } from '../support/temp.ts';

const KILLS = 210;
const AT_ONCE = 3;
const LATEST_KILL_MS = 20;

void suite('a program that saves and is killed', { concurrency: AT_ONCE }, () => {
  for (let disk = 1; disk <= AT_ONCE; disk += 1) {
    void test(`at ${KILLS / AT_ONCE} random points leaves the old file or the new one (${disk})`, async t => {
      const folder = await temporaryFolder(t);
      const path = join(folder, 'cache.json');
      let halfWritten = 0;
      for (let kill = 0; kill < KILLS / AT_ONCE; kill += 1) {
        const saved = await killWhileSaving(path, Math.random() * LATEST_KILL_MS);
        const found = readState(await readFile(path, 'utf8'), 'aws');
        assert.ok(found.kind === 'state', JSON.stringify(found));
        // It may have been killed before it could tell of the last one.
        const number = Number(found.state.instance);
        assert.ok(number === saved || number === saved + 1, `${number} after ${saved}`);
        const others = (await readdir(folder)).filter(name => name !== 'cache.json');
        assert.deepEqual(
          others.filter(name => name !== 'cache.json.new'),
          [],
        );
        halfWritten += others.length;
      }
      assert.ok(halfWritten > 0, 'no kill came while a file was written: the test shows nothing');
    });
  }
});

/** @returns the number of the last state that was saved for certain */
async function killWhileSaving(path: string, afterMs: number): Promise<number> {
  const program = startFile(process.execPath, [fixture('saves-for-ever.ts'), path]);
  await program.says('\n');
  setTimeout(() => program.kill('SIGKILL'), afterMs);
  const { signal, stdout, stderr } = await program.exited;
  assert.equal(signal, 'SIGKILL', stderr);
  return Number(stdout.trimEnd().split('\n').at(-1));
}
