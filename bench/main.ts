/** Runs the benchmarks (or those that are named) and prints one table. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchBoot, benchDummy } from './boot.ts';
import type { Row } from './measure.ts';
import { benchPolling, benchRest } from './rest.ts';
import { benchThroughput } from './throughput.ts';

const BENCHMARKS: Readonly<Record<string, (folder: string) => Promise<Row[]>>> = {
  dummy: benchDummy,
  boot: benchBoot,
  throughput: benchThroughput,
  rest: benchRest,
  polling: benchPolling,
};

const wanted = process.argv.slice(2);
const folder = await mkdtemp(join(tmpdir(), 'worker-runner-bench-'));
process.stdout.write('| What | Figure | To an empty Node program | Target |\n| --- | --- | --- | --- |\n');
try {
  for (const [name, bench] of Object.entries(BENCHMARKS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    for (const { what, figure, ratio, target } of await bench(folder)) {
      process.stdout.write(`| ${what} | ${figure} | ${ratio ?? '1'} | ${target ?? ''} |\n`);
    }
  }
} finally {
  await rm(folder, { recursive: true });
}
