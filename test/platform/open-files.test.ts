import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFilesLimit } from '../../src/platform/open-files.ts';

test('the launcher hands over the limit of open files as a number or as unlimited', () => {
  assert.equal(openFilesLimit({ WORKER_RUNNER_OPEN_FILES: '1024' }), 1024);
  assert.equal(openFilesLimit({ WORKER_RUNNER_OPEN_FILES: 'unlimited' }), 'unlimited');
});

test('without a launcher, or with nonsense from it, there is no limit to give back', () => {
  assert.equal(openFilesLimit({}), undefined);
  for (const value of ['', '0', '-1', '1e3', ' 5', 'many', '9'.repeat(30)]) {
    assert.equal(openFilesLimit({ WORKER_RUNNER_OPEN_FILES: value }), undefined);
  }
});
