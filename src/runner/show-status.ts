/** The command `start-worker --status <runnerConfig>`. */
import { loadRunnerConfig } from '../config/load.ts';
import { RunnerError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';

export interface ShownStatus {
  readonly text: string;
  readonly exitCode: number;
}

/**
 * Asks the run that this runner config belongs to how it is.
 * @throws RunnerError where the config is wrong or has no status.listen (exit `config`), or nobody answers (`notRunning`)
 */
export async function showStatus(path: string): Promise<ShownStatus> {
  const { config } = await loadRunnerConfig(path, { checkOnly: true });
  if (config.status === undefined) {
    throw new RunnerError(
      'status.off',
      `${path}: status.listen is not set: a run with this config cannot be asked`,
      {
        exit: 'config',
        advice: 'set status: {listen: 127.0.0.1:9100} or {listen: unix:/path} and start the run anew',
      },
    );
  }
  const [{ askStatus }, { statusText }] = await Promise.all([
    import('../status/ask.ts'),
    import('../status/print.ts'),
  ]);
  const status = await askStatus(config.status.listen);
  return {
    text: statusText(status),
    exitCode: status.problems.length === 0 ? 0 : EXIT_CODES.unhealthy.code,
  };
}
