/** Shell scripts around the built programs: as another user, or in a mount namespace of their own. */
import { spawn, spawnSync } from 'node:child_process';
import type { ProgramResult } from './program.ts';

/** Reasons for a test to be skipped, or false. */
export const NEEDS_MOUNTS =
  spawnSync('unshare', ['-m', 'true']).status === 0 ? false : 'no mount namespaces for us here';
export const NEEDS_ROOT = process.geteuid?.() === 0 ? false : 'only root can become another user';

/** What makes a command another user's: nobody's. */
export const AS_NOBODY: readonly string[] = [
  'setpriv',
  '--reuid=65534',
  '--regid=65534',
  '--clear-groups',
  '--',
];

/** Runs a command that is no program of ours to its end. */
export function runCommand(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ProgramResult> {
  const [file = '', ...args] = command;
  const child = spawn(file, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** Runs a shell script in a mount namespace of its own: what it mounts is gone with it. */
export function runWithMounts(script: string, env: Readonly<Record<string, string>>): Promise<ProgramResult> {
  return runCommand(['unshare', '-m', 'sh', '-euc', script], env);
}
