/** Runs one of the system's own programs, and waits for its end. */
import type { ExecException } from 'node:child_process';

export interface CommandOptions {
  readonly env: NodeJS.ProcessEnv;
  /** It is killed then. */
  readonly timeoutMs: number;
  /** Kills it. */
  readonly signal?: AbortSignal;
}

export interface CommandResult {
  /** Why it did not run, or did not succeed. */
  readonly error: (Error & Pick<ExecException, 'code' | 'killed'>) | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Never rejects. */
export async function runCommand(
  file: string,
  args: readonly string[],
  { timeoutMs, ...options }: CommandOptions,
): Promise<CommandResult> {
  const { execFile } = await import('node:child_process');
  return new Promise(resolve => {
    try {
      execFile(file, args, { ...options, timeout: timeoutMs }, (error, stdout, stderr) => {
        resolve({ error: error ?? undefined, stdout, stderr });
      });
    } catch (error) {
      // What keeps a process from being made (ENOMEM, for one) is thrown at once.
      resolve({ error: error as Error, stdout: '', stderr: '' });
    }
  });
}
