/** Whole runs of the built start-worker whose worker is a shell script of the test, and what their log says. */
import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { runProgram, startProgram, type ProgramOptions, type RunningProgram } from './program.ts';
import { writeScript, writeStandaloneConfig } from './runner-config.ts';
import { temporaryFolder } from './temp.ts';

export interface WorkerRun {
  readonly code: number | null;
  /** The log as it was written. */
  readonly log: string;
  /** The lines of the log without their time stamps, from the one after the worker's start to the one before its end. */
  readonly lines: readonly string[];
}

/**
 * Runs start-worker to its end, without asking anybody.
 * @param worker what the worker's shell does
 * @param settings sections of the runner config
 */
export async function runWorker(
  t: TestContext,
  worker: string,
  settings: object = {},
  options: ProgramOptions = {},
): Promise<WorkerRun> {
  const config = await workerConfig(t, worker, settings);
  const { code, stderr } = await runProgram('start-worker', [config], options);
  return { code, log: stderr, lines: linesOfWorker(stderr) };
}

/** Starts such a run; should the test fail, it is ended with it. */
export async function startWorkerRun(
  t: TestContext,
  worker: string,
  settings: object = {},
): Promise<RunningProgram> {
  const runner = startProgram('start-worker', [await workerConfig(t, worker, settings)]);
  t.after(() => endRun(runner));
  return runner;
}

async function workerConfig(t: TestContext, worker: string, settings: object): Promise<string> {
  const folder = await temporaryFolder(t);
  return writeStandaloneConfig(folder, await writeScript(folder, 'worker', worker), settings);
}

/** The third signal kills the worker and all that is in its group, and that ends the run. One is lost where it comes too soon after another. */
export async function endRun(runner: RunningProgram): Promise<void> {
  runner.kill('SIGTERM');
  const more = setInterval(() => runner.kill('SIGTERM'), 20);
  await runner.exited;
  clearInterval(more);
}

const STAMP = /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /;

export function linesOfWorker(log: string): readonly string[] {
  const lines = log
    .split('\n')
    .slice(0, -1)
    .map(line => line.replace(STAMP, ''));
  const start = lines.findIndex(line => line.startsWith('start-worker: started the worker'));
  const end = lines.findLastIndex(line =>
    /^start-worker: (warning: )?the worker (exited|was ended)/.test(line),
  );
  return lines.slice(start + 1, end);
}

/** Shell: writes these lines to stdout as they are. */
export function writes(...lines: readonly string[]): string {
  return `cat <<'END_OF_LINES'\n${lines.join('\n')}\nEND_OF_LINES`;
}

/** Shell: says hello. */
export function saysHello(...capabilities: readonly string[]): string {
  return writes(hello(...capabilities));
}

export function hello(...capabilities: readonly string[]): string {
  return `~${JSON.stringify({ type: 'hello', capabilities })}`;
}

/** Shell: says hello, and asks for the end of the machine. */
export const ASKS_FOR_SHUTDOWN = writes(hello('shutdown', 'log'), '~{"type":"shutdown"}');

export function logMessage(body: object): string {
  return `~${JSON.stringify({ type: 'log', body })}`;
}

/** The line by which the runner's log tells of hello. */
export function helloLine(...capabilities: readonly string[]): string {
  return `start-worker: the worker said hello; capabilities: ${JSON.stringify(capabilities)}`;
}

/** How a line stands in the log that was not taken as a message. */
export function refusedLine(line: string, reason: string): string {
  return `${line} [start-worker: not taken as a message: ${reason}]`;
}

/** Something that a worker waits for until the test lets it go on. */
export interface Gate {
  /** Shell: waits. */
  readonly wait: string;
  open(): Promise<void>;
}

export async function makeGate(t: TestContext): Promise<Gate> {
  const path = join(await temporaryFolder(t), 'gate');
  await promisify(execFile)('mkfifo', [path]);
  return {
    wait: `read -r open <'${path}'`,
    async open() {
      // Read and write: that needs no reader yet.
      const fifo = await open(path, 'r+');
      t.after(() => fifo.close());
      await fifo.write('open\n');
    },
  };
}
