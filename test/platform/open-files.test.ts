import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { originalOpenFiles } from '../../src/platform/open-files.ts';

test('the launcher hands over the limit of open files as a number or as unlimited', async () => {
  assert.equal(await originalOpenFiles({ WORKER_RUNNER_OPEN_FILES: '1024' }), 1024);
  assert.equal(await originalOpenFiles({ WORKER_RUNNER_OPEN_FILES: 'unlimited' }), 'unlimited');
});

test('with nonsense from the launcher there is no limit to give back', async () => {
  for (const value of ['', '0', '-1', '1e3', ' 5', 'many', '9'.repeat(30)]) {
    assert.equal(await originalOpenFiles({ WORKER_RUNNER_OPEN_FILES: value }), undefined);
  }
});

test(
  'without a launcher the limit is that of the parent process',
  { skip: process.platform !== 'linux' },
  async t => {
    const parent = spawn('/bin/sh', ['-c', 'ulimit -Sn 77; echo ready; read -r end'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    t.after(() => parent.kill());
    await new Promise(resolve => parent.stdout.once('data', resolve));
    assert.equal(await originalOpenFiles({}, parent.pid), 77);
  },
);

test('without a launcher, below process 1 or an unknown process, nothing is known', async () => {
  assert.equal(await originalOpenFiles({}, 1), undefined);
  assert.equal(await originalOpenFiles({}, 2 ** 30), undefined);
});
