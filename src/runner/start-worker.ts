/** The program start-worker: from its command line to its exit code. */
import packageJson from '../../package.json' with { type: 'json' };
import { loadRunnerConfig } from '../config/load.ts';
import { RunnerError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { helpText, parseCommandLine, USAGE } from './command-line.ts';
import { type ProgramStreams, runDaemon } from './daemon.ts';
import { failureLines } from './failure.ts';

/**
 * Runs the program.
 * @param args the words after the program's name
 * @returns the exit code
 */
export async function startWorker(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  streams: ProgramStreams,
): Promise<number> {
  const command = parseCommandLine(args);
  if (command.kind === 'run') return runDaemon(command.configPath, env, streams);
  // Whoever reads our words may be gone already. A run writes through its log instead.
  for (const stream of [streams.stdout, streams.stderr]) stream.on('error', () => undefined);
  switch (command.kind) {
    case 'help':
      streams.stdout.write(helpText());
      return 0;
    case 'version':
      streams.stdout.write(`start-worker ${packageJson.version}\n`);
      return 0;
    case 'short-version':
      streams.stdout.write(`${packageJson.version}\n`);
      return 0;
    case 'wrong':
      streams.stderr.write(`start-worker: ${command.reason}\n${USAGE}`);
      return EXIT_CODES.usage.code;
    case 'check':
      return checkConfig(command.configPath, streams);
    case 'status':
      return answering(streams, async () => {
        const { showStatus } = await import('./show-status.ts');
        const { text, exitCode } = await showStatus(command.configPath);
        streams.stdout.write(text);
        return exitCode;
      });
  }
}

function checkConfig(path: string, streams: ProgramStreams): Promise<number> {
  return answering(streams, async () => {
    const { warnings } = await loadRunnerConfig(path, { checkOnly: true });
    for (const warning of warnings) streams.stderr.write(`warning: ${warning}\n`);
    streams.stdout.write(`${path}: ok\n`);
    return 0;
  });
}

/** A command that is no run has no log: what fails is said on stderr. */
async function answering(streams: ProgramStreams, answer: () => Promise<number>): Promise<number> {
  try {
    return await answer();
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    streams.stderr.write(`${failureLines(error).join('\n')}\n`);
    return error.exitCode;
  }
}
