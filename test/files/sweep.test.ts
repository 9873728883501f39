import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { sweepFolder } from '../../src/files/sweep.ts';
import { listAll } from '../support/files.ts';
import { temporaryFolder } from '../support/temp.ts';

test('what one before us with our process id left is swept, and what another is writing stays', async t => {
  const folder = await temporaryFolder(t);
  const of = (pid: number) => `.worker-runner-${pid}-abc`;
  for (const pid of [process.pid, process.ppid]) await writeFile(join(folder, of(pid)), '');
  await sweepFolder(folder);
  assert.deepEqual(await listAll(folder), [of(process.ppid)]);
});
