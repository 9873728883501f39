import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settlesWithin } from '../../src/settles-within.ts';

test('a promise settles in time, or not, and its failure is passed on', async () => {
  assert.equal(await settlesWithin(Promise.resolve('x'), 60_000), true);
  assert.equal(await settlesWithin(new Promise(() => undefined), 1), false);
  await assert.rejects(settlesWithin(Promise.reject(new Error('no')), 60_000), /no/);
});
