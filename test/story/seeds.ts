/** Tells the stories of many seeds, one after the other, and counts what they met. */
import fc from 'fast-check';
import { run as realRun } from '../../src/runner/run.ts';
import { loadLibrary } from '../../src/taskcluster/clients.ts';
import { type Story, stories } from './story.ts';
import { type Run, type Telling, tellStory } from './tell.ts';

export interface Failure {
  readonly seed: number;
  /** The invariant and what broke it. */
  readonly message: string;
}

export interface Told {
  readonly failures: readonly Failure[];
  /** In how many stories a situation was met. */
  readonly met: Readonly<Record<string, number>>;
}

/** What a run loads late is loaded before: time of a story does not wait for a disk. */
export async function loadAll(): Promise<void> {
  await Promise.all([
    loadLibrary(),
    import('../../src/runner/disposal.ts'),
    import('../../src/taskcluster/client.ts'),
  ]);
}

export interface SeedRange {
  readonly from: number;
  readonly to: number;
  /** Every so many of them. */
  readonly step?: number;
  /** No more failures than these are of interest. */
  readonly mostFailures?: number;
}

export async function tellSeeds(
  { from, to, step = 1, mostFailures = 5 }: SeedRange,
  run: Run = realRun,
): Promise<Told> {
  const failures: Failure[] = [];
  const met = new Map<string, number>();
  for (let seed = from; seed <= to && failures.length < mostFailures; seed += step) {
    const { violation, situations } = await tellSeed(seed, run);
    if (violation !== undefined) failures.push({ seed, message: violation.message });
    for (const situation of situations) met.set(situation, (met.get(situation) ?? 0) + 1);
  }
  return { failures, met: Object.fromEntries(met) };
}

export async function tellSeed(seed: number, run: Run): Promise<Telling> {
  return (await check(seed, run, { endOnFailure: true })).telling;
}

export interface Replay {
  /** The story of the seed, and the smallest that fast-check could make of it which fails as well. */
  readonly story: Story;
  readonly telling: Telling;
  readonly triedStories: number;
}

/** Tells the story of a failing seed, made as small as possible. */
export async function shrinkSeed(seed: number, run: Run = realRun): Promise<Replay> {
  const { details } = await check(seed, run, { endOnFailure: false });
  const [story] = details.counterexample ?? fc.sample(stories, { seed, numRuns: 1 });
  if (story === undefined) throw new Error('a seed has a story');
  return { story, telling: await tellStory(story, run), triedStories: details.numShrinks };
}

async function check(
  seed: number,
  run: Run,
  { endOnFailure }: { readonly endOnFailure: boolean },
): Promise<{ readonly details: fc.RunDetails<[Story]>; readonly telling: Telling }> {
  let telling: Telling | undefined;
  const property = fc.asyncProperty(stories, async story => {
    telling = await tellStory(story, run);
    if (telling.violation !== undefined) throw telling.violation;
  });
  const details = await fc.check(property, { seed, numRuns: 1, endOnFailure });
  if (telling === undefined) throw new Error('a story is told', { cause: details.errorInstance });
  return { details, telling };
}

/** How a person tells a story again. */
export function replayCommand(seed: number): string {
  return `node test/story/main.ts --replay ${seed}`;
}
