import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attemptMs, backoffMs, nextDelayMs } from '../../src/taskcluster/retry.ts';

const POLICY = { retryForMs: 600_000, attemptTimeoutMs: 30_000 };

test('the first repeat comes after about a second, the next ones after twice as long, never after more than 30 s', () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 100].map(tries => backoffMs(tries, 0.5));
  assert.deepEqual(delays, [1000, 2000, 4000, 8000, 16_000, 25_000, 25_000, 25_000]);
  assert.equal(backoffMs(1, 0), 800);
  assert.ok(backoffMs(100, 0.999999) <= 30_000);
});

test('the last wait is cut so that the last try still has time, and then it is over', () => {
  assert.equal(nextDelayMs(POLICY, 9, 580_000, 0.5), 15_000);
  assert.equal(nextDelayMs(POLICY, 10, 595_000, 0.5), undefined);
  assert.equal(nextDelayMs(POLICY, 10, 700_000, 0.5), undefined);
});

test('a short patience is used too', () => {
  assert.equal(nextDelayMs({ retryForMs: 2000, attemptTimeoutMs: 30_000 }, 1, 0, 0.5), 1000);
  assert.equal(nextDelayMs({ retryForMs: 2000, attemptTimeoutMs: 30_000 }, 2, 1000, 0.5), 500);
});

test('no patience means one try with its whole time', () => {
  const policy = { retryForMs: 0, attemptTimeoutMs: 30_000 };
  assert.equal(nextDelayMs(policy, 1, 0, 0.5), undefined);
  assert.equal(attemptMs(policy, 0), 30_000);
});

test('a try is cut to what is left of the total', () => {
  assert.equal(attemptMs(POLICY, 0), 30_000);
  assert.equal(attemptMs(POLICY, 595_000), 5000);
  // Elapsed time has fractions, and timers of Node do not take them.
  assert.equal(attemptMs(POLICY, 595_000.3), 4999);
});
