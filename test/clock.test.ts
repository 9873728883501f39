import assert from 'node:assert/strict';
import { setTimeout } from 'node:timers/promises';
import { test } from 'node:test';
import { systemClock } from '../src/clock.ts';

void test('a sleep that is longer than a timer can be does not end at once', async t => {
  const end = new AbortController();
  const awake = systemClock.sleep(48 * 86_400_000, end.signal).then(
    () => 'it woke up',
    (error: unknown) => error,
  );
  t.after(() => end.abort());
  // A timer that overflows is one of 1 ms.
  assert.equal(await Promise.race([awake, setTimeout(50, 'it sleeps')]), 'it sleeps');
  const reason = new Error('enough');
  end.abort(reason);
  assert.equal(await awake, reason);
});
