import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { run } from '../../src/runner/run.ts';
import { PLANTS, plantedRun } from './plant.ts';
import { loadAll, replayCommand, shrinkSeed, tellSeed, tellSeeds } from './seeds.ts';
import { COMMON, neverMet } from './situations.ts';

const SEEDS = 300;
/** A planted bug that takes more seeds than this would be missed one day. */
const SEEDS_TO_FIND = 600;

before(loadAll);

test(`${SEEDS} stories of a machine hold what is promised, whatever fails in them`, async () => {
  const { failures, met } = await tellSeeds({ from: 1, to: SEEDS });
  const [first] = failures;
  if (first !== undefined) {
    const { telling, story } = await shrinkSeed(first.seed);
    assert.fail(
      [first.message, JSON.stringify(story), ...telling.lines, replayCommand(first.seed)].join('\n'),
    );
  }
  assert.deepEqual(neverMet(COMMON, met), [], 'situations that no story met');
});

test('the same seed tells the same story', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const first = await tellSeed(seed, run);
    const second = await tellSeed(seed, run);
    assert.deepEqual(second.lines, first.lines, `seed ${seed}`);
  }
});

for (const plant of PLANTS) {
  test(`the stories find weakness ${plant.file} of the reference`, async t => {
    const planted = await plantedRun(plant);
    for (let seed = 1; seed <= SEEDS_TO_FIND; seed += 1) {
      const { violation } = await tellSeed(seed, planted);
      if (violation === undefined) continue;
      t.diagnostic(`found by seed ${seed}: ${violation.message}`);
      assert.match(violation.message, plant.foundAs);
      return;
    }
    assert.fail(`not found in ${SEEDS_TO_FIND} seeds`);
  });
}
