/** The program start-worker: from its command line to its exit code. */
import type { Writable } from 'node:stream';
import packageJson from '../../package.json' with { type: 'json' };
import { systemClock } from '../clock.ts';
import type { RunnerConfig } from '../config/runner-config.ts';
import { loadRunnerConfig } from '../config/load.ts';
import { RunnerError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { collectSecrets } from '../logging/collect-secrets.ts';
import { createLog } from '../logging/create-log.ts';
import { createRedactor } from '../logging/create-redactor.ts';
import type { Log } from '../logging/log.ts';
import type { Redactor } from '../logging/redactor.ts';
import { looksSecret } from '../secret-keys.ts';
import { helpText, parseCommandLine, USAGE } from './command-line.ts';
import { exitCodeOfFailure, failureLines, logFailure } from './failure.ts';
import { run } from './run.ts';
import { createServices } from './services.ts';
import { listenForSignals } from './signals.ts';
import type { World } from './world.ts';

export interface ProgramStreams {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

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
  if (command.kind === 'run') return runConfig(command.configPath, env, streams);
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
  }
}

async function checkConfig(path: string, streams: ProgramStreams): Promise<number> {
  try {
    const { warnings } = await loadRunnerConfig(path, { checkOnly: true });
    for (const warning of warnings) streams.stderr.write(`warning: ${warning}\n`);
    streams.stdout.write(`${path}: ok\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    streams.stderr.write(`${failureLines(error).join('\n')}\n`);
    return error.exitCode;
  }
}

async function runConfig(path: string, env: NodeJS.ProcessEnv, streams: ProgramStreams): Promise<number> {
  const signals = listenForSignals();
  const fault = listenForFaults();
  const redactor = createRedactor();
  let log = createLog({ implementation: 'stdio' }, redactor);
  try {
    const { config, warnings } = await loadRunnerConfig(path);
    learnSecrets(config, redactor);
    const opened = openLog(config, redactor);
    if (opened.log !== undefined) {
      const stderrLog = log;
      log = opened.log;
      await stderrLog.close();
    }
    for (const warning of warnings) log.warn(warning);
    const world = { env, stdout: streams.stdout, log, redactor, signals, fault, clock: systemClock };
    return await runWith(config, world, opened.obstacle);
  } catch (error) {
    logFailure(error, log);
    return exitCodeOfFailure(error);
  } finally {
    await log.close();
  }
}

/** A log that cannot be opened is for the run to fail with: it knows what becomes of a cloud's machine then. */
function openLog(
  { logging }: RunnerConfig,
  redactor: Redactor,
): { readonly log?: Log; readonly obstacle?: RunnerError } {
  if (logging.implementation === 'stdio') return {};
  try {
    return { log: createLog(logging, redactor) };
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    return { obstacle: error };
  }
}

/** Fires with the first thing that is thrown where nobody can catch it. */
function listenForFaults(): AbortSignal {
  const controller = new AbortController();
  process.on('uncaughtException', error => controller.abort(error));
  return controller.signal;
}

async function runWith(
  config: RunnerConfig,
  world: Omit<World, 'services'>,
  obstacle: RunnerError | undefined,
): Promise<number> {
  const { env, clock, log, redactor, signals } = world;
  signals.onHangup(() => log.reopen());
  log.info(`version ${packageJson.version}, runner config ${config.path}`, {
    provider: config.provider.providerType,
    worker: config.worker.implementation,
  });
  if (config.cacheOverRestarts !== undefined) {
    log.warn(
      `cacheOverRestarts: ${config.cacheOverRestarts} is not kept yet by this version: each start registers afresh`,
    );
  }
  const { network } = config;
  const services = createServices({ env, clock, log, redactor, network });
  try {
    return await run(config, { ...world, services }, obstacle);
  } finally {
    services.close();
  }
}

/** What the runner config itself keeps secret, known to the logger before the first line about it. */
function learnSecrets(config: RunnerConfig, redactor: Redactor): void {
  const { provider } = config;
  for (const [key, value] of Object.entries(provider)) {
    if (looksSecret(key) && typeof value === 'string') redactor.add(value);
  }
  collectSecrets(config.workerConfig, redactor);
  // A cloud's own section holds nothing.
  if ('rootURL' in provider) collectSecrets(provider.providerMetadata ?? {}, redactor);
}
