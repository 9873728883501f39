/** Runs programs and takes their figures. Every figure is compared with an empty Node program of the same run. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');
export const START_WORKER = join(ROOT, 'dist', 'start-worker.cjs');
export const SIMULATE_CLOUD = join(ROOT, 'dist', 'simulate-cloud.cjs');
/** The Node that the launcher picks in a checkout. */
export const NODE = join(ROOT, 'node_modules', 'node', 'bin', 'node');
const PEAK = join(import.meta.dirname, 'programs', 'peak-memory.cjs');
export const EMPTY: Program = { file: NODE, args: [join(import.meta.dirname, 'programs', 'empty.cjs')] };

export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where stderr goes; absent: nowhere. */
  readonly stderrPath?: string;
  readonly expectedCode?: number;
}

/** Runs a program to its end; wall time in milliseconds, from before the spawn to the exit. */
export function timeRun(program: Program): Promise<number> {
  const stderr = program.stderrPath === undefined ? 'ignore' : openSync(program.stderrPath, 'w');
  const start = performance.now();
  const child = spawn(program.file, program.args, {
    env: { ...process.env, ...program.env },
    stdio: ['ignore', 'ignore', stderr],
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      const wall = performance.now() - start;
      if (typeof stderr === 'number') closeSync(stderr);
      if (code === (program.expectedCode ?? 0)) resolve(wall);
      else reject(new Error(`${program.file} ${program.args.join(' ')} ended with ${signal ?? code ?? ''}`));
    });
  });
}

/** The highest memory of the program's own process, in MiB. Costs a little, so it is never taken in a timed run. */
export async function peakMemory(program: Program, folder: string): Promise<number> {
  const report = join(folder, 'peak-memory');
  await timeRun({
    ...program,
    env: { ...program.env, NODE_OPTIONS: `--require=${PEAK}`, PEAK_MEMORY_FILE: report },
  });
  return Number(readFileSync(report, 'utf8')) / 1024;
}

/** Runs the programs in turn, A B A B …, so that a machine whose speed drifts is fair to both; medians of each. */
export async function medians(programs: readonly Program[], runs: number): Promise<number[]> {
  for (const program of programs) await timeRun(program);
  const times = programs.map((): number[] => []);
  for (let run = 0; run < runs; run += 1) {
    for (const [index, program] of programs.entries()) times[index]?.push(await timeRun(program));
  }
  return times.map(median);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** What the kernel says a process holds now, in MiB. */
export function residentMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

export interface Row {
  readonly what: string;
  readonly figure: string;
  readonly ratio?: string;
  readonly target?: string;
}

export function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

export function mib(value: number): string {
  return `${value.toFixed(0)} MiB`;
}

export function times(value: number): string {
  return `${value.toFixed(2)} ×`;
}
