/**
 * Many seeds on all the processors that it is given, or the story of one:
 *
 *     node test/story/main.ts [--seeds 20000] [--from 1] [--workers 2]
 *     node test/story/main.ts --replay SEED
 */
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { loadAll, replayCommand, type SeedRange, shrinkSeed, tellSeeds, type Told } from './seeds.ts';
import { COMMON, neverMet, RARE } from './situations.ts';

/** So many stories meet what is rare. */
const MANY = 20_000;

if (!isMainThread) {
  await loadAll();
  parentPort?.postMessage(await tellSeeds(workerData as SeedRange));
} else {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '20000' },
      from: { type: 'string', default: '1' },
      workers: { type: 'string', default: '2' },
      replay: { type: 'string' },
    },
  });
  process.exitCode =
    values.replay === undefined
      ? await tellMany(Number(values.from), Number(values.seeds), Number(values.workers))
      : await replay(Number(values.replay));
}

async function tellMany(from: number, seeds: number, workers: number): Promise<number> {
  const startMs = performance.now();
  const to = from + seeds - 1;
  const tellings = await Promise.all(
    Array.from({ length: workers }, (_, index) => tellInThread({ from: from + index, to, step: workers })),
  );
  const met = sum(tellings);
  const failures = tellings.flatMap(told => told.failures).sort((a, b) => a.seed - b.seed);
  const seconds = (performance.now() - startMs) / 1000;
  console.log(`${seeds} seeds from ${from} on, in ${seconds.toFixed(0)} s`);
  for (const [situation, times] of Object.entries(met).sort()) {
    console.log(`${String(times).padStart(8)} ${situation}`);
  }
  const missing = neverMet(seeds >= MANY ? [...COMMON, ...RARE] : COMMON, met);
  for (const situation of missing) console.error(`never met: ${situation}`);
  for (const { seed, message } of failures) {
    console.error(`seed ${seed}: ${message}\n    ${replayCommand(seed)}`);
  }
  const [first] = failures;
  if (first !== undefined) await replay(first.seed);
  return failures.length + missing.length === 0 ? 0 : 1;
}

function tellInThread(range: SeedRange): Promise<Told> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: range });
    worker.once('message', (told: Told) => resolve(told));
    worker.once('error', reject);
    // After its message this changes nothing.
    worker.once('exit', code => reject(new Error(`a thread ended early, with ${code}`)));
  });
}

function sum(tellings: readonly Told[]): Record<string, number> {
  const met: Record<string, number> = {};
  for (const [situation, times] of tellings.flatMap(told => Object.entries(told.met))) {
    met[situation] = (met[situation] ?? 0) + times;
  }
  return met;
}

async function replay(seed: number): Promise<number> {
  await loadAll();
  const { story, telling, triedStories } = await shrinkSeed(seed);
  console.log(JSON.stringify(story, null, 2));
  console.log(telling.lines.join('\n'));
  if (telling.violation === undefined) {
    console.log(`seed ${seed} holds`);
    return 0;
  }
  console.error(`seed ${seed}, made smaller ${triedStories} times: ${telling.violation.message}`);
  return 1;
}
