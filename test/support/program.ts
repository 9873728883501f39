/** Runs the built programs, as package.json names them, as real processes. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');

const packageJson = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
};

export const VERSION = packageJson.version;

/** The file that package.json names for a program. */
export function programPath(name: string): string {
  const path = packageJson.bin[name];
  if (path === undefined) throw new Error(`package.json names no program ${name}`);
  return join(ROOT, path);
}

export interface ProgramResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningProgram {
  readonly pid: number;
  /** What it wrote so far. */
  readonly stdout: string;
  readonly stderr: string;
  readonly exited: Promise<ProgramResult>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves once stdout or stderr holds the text; rejects where the program ends without it. */
  says(text: string | RegExp): Promise<void>;
}

export interface ProgramOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Where stderr goes instead of to us. */
  readonly stderrFd?: number;
}

/** Starts a program that package.json names. */
export function startProgram(
  name: string,
  args: readonly string[],
  options: ProgramOptions = {},
): RunningProgram {
  return startFile(programPath(name), args, options);
}

/** The same for any program file. */
export function startFile(
  file: string,
  args: readonly string[],
  options: ProgramOptions = {},
): RunningProgram {
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', options.stderrFd ?? 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const watchers = new Set<() => void>();
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const watcher of watchers) watcher();
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    for (const watcher of watchers) watcher();
  });
  const exited = new Promise<ProgramResult>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });

  return {
    pid: child.pid ?? 0,
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    exited,
    kill: signal => void child.kill(signal),
    says(text) {
      const said = () =>
        [stdout, stderr].some(all => (typeof text === 'string' ? all.includes(text) : text.test(all)));
      return new Promise((resolve, reject) => {
        const watch = () => {
          if (!said()) return;
          watchers.delete(watch);
          resolve();
        };
        watchers.add(watch);
        watch();
        void exited.then(() => {
          if (said()) resolve();
          else reject(new Error(`it ended without saying ${String(text)}:\n${stdout}\n${stderr}`));
        }, reject);
      });
    },
  };
}

/** Runs a program to its end. */
export function runProgram(
  name: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  return startProgram(name, args, options).exited;
}

/** The same for any program file. */
export function runFile(
  file: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<ProgramResult> {
  return startFile(file, args, options).exited;
}

/** A log less the line that every run ends with. */
export function withoutSummary(log: string): string {
  return log.replace(/^[^\n]*start-worker: the run ended with exit code \d+: [^\n]*\n/m, '');
}
