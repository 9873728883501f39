/** The program start-worker: from its command line to its exit code. */
import type { Writable } from 'node:stream';
import packageJson from '../../package.json' with { type: 'json' };
import type { RunnerConfig } from '../config/runner-config.ts';
import { loadRunnerConfig } from '../config/load.ts';
import { messageOf, RunnerError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { collectSecrets } from '../logging/collect-secrets.ts';
import { createLog } from '../logging/create-log.ts';
import type { Log } from '../logging/log.ts';
import { createRedactor } from '../logging/create-redactor.ts';
import type { Redactor } from '../logging/redactor.ts';
import { looksSecret } from '../secret-keys.ts';
import { helpText, parseCommandLine, USAGE } from './command-line.ts';
import { run } from './run.ts';
import { createServices } from './services.ts';
import { listenForSignals, SignalledError } from './signals.ts';
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
    streams.stderr.write(`${errorLines(error).join('\n')}\n`);
    return error.exitCode;
  }
}

async function runConfig(path: string, env: NodeJS.ProcessEnv, streams: ProgramStreams): Promise<number> {
  const signals = listenForSignals();
  const faults = listenForFaults();
  const redactor = createRedactor();
  let log = createLog({ implementation: 'stdio' }, redactor);
  try {
    const { config, warnings } = await loadRunnerConfig(path);
    learnSecrets(config, redactor);
    if (config.logging.implementation !== 'stdio') {
      const stderrLog = log;
      log = createLog(config.logging, redactor);
      await stderrLog.close();
    }
    for (const warning of warnings) log.warn(warning);
    const { stdout } = streams;
    const world = { env, log, redactor, signals, fault: faults.signal, stdout };
    return await Promise.race([runWith(config, world), faults.thrown]);
  } catch (error) {
    return logFailure(error, log);
  } finally {
    await log.close();
  }
}

interface Faults {
  readonly signal: AbortSignal;
  /** Rejects with what was thrown where nobody could catch it. */
  readonly thrown: Promise<never>;
}

function listenForFaults(): Faults {
  const controller = new AbortController();
  const thrown = new Promise<never>((_, reject) => {
    process.on('uncaughtException', error => {
      controller.abort(error);
      reject(error);
    });
  });
  // Until the run waits for it, it is no rejection that nobody handles.
  thrown.catch(() => undefined);
  return { signal: controller.signal, thrown };
}

async function runWith(config: RunnerConfig, world: Omit<World, 'services'>): Promise<number> {
  const { env, log, redactor, signals } = world;
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
  const { network, provider } = config;
  const services = createServices({ env, log, redactor, network, providerType: provider.providerType });
  try {
    return await run(config, { ...world, services });
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
  collectSecrets(provider.providerMetadata ?? {}, redactor);
}

/** One clear entry a mistake, and the exit code. The stack is shown only for faults of our own. */
function logFailure(error: unknown, log: Log): number {
  if (error instanceof SignalledError) {
    log.info(error.message);
    return error.exitCode;
  }
  if (error instanceof RunnerError) {
    for (const line of errorLines(error)) log.error(line);
    return error.exitCode;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : messageOf(error);
  log.error(`a fault of start-worker itself, please report it: ${stack}`);
  return EXIT_CODES.internal.code;
}

function errorLines(error: RunnerError): readonly string[] {
  const advice = error.advice === undefined ? [] : [`what to do: ${error.advice}`];
  return [error.message, ...error.details, ...advice];
}
