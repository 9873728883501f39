import assert from 'node:assert/strict';
import { test } from 'node:test';
import { durationWords } from '../src/words.ts';

void test('a duration is said as people say it, no finer than anybody minds', () => {
  for (const [seconds, words] of [
    [0.04, '0 s'],
    [0.3, '0.3 s'],
    [2, '2 s'],
    [9.96, '10 s'],
    [59.4, '59 s'],
    [120, '2 min'],
    [598, '9 min 58 s'],
    [3600, '1 h'],
    [11_100, '3 h 5 min'],
    [200_000, '2 days'],
  ] as const) {
    assert.equal(durationWords(seconds * 1000), words);
  }
});
