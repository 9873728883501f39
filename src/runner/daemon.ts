/** A run as a process: what the story needs around it, from the runner config's path to the exit code. */
import type { Writable } from 'node:stream';
import packageJson from '../../package.json' with { type: 'json' };
import { systemClock } from '../clock.ts';
import { loadRunnerConfig } from '../config/load.ts';
import type { RunnerConfig } from '../config/runner-config.ts';
import { messageOf, RunnerError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { collectSecrets } from '../logging/collect-secrets.ts';
import { createLog, type LogSurroundings } from '../logging/create-log.ts';
import { createRedactor } from '../logging/create-redactor.ts';
import type { Log } from '../logging/log.ts';
import type { Redactor } from '../logging/redactor.ts';
import { stderrIsJournal } from '../platform/journal.ts';
import { looksSecret } from '../secret-keys.ts';
import { observeLog } from '../status/observe-log.ts';
import { createRecord, type RunRecord } from '../status/record.ts';
import { exitCodeOfFailure, logFailure } from './failure.ts';
import { reachServiceManager } from './reach-service-manager.ts';
import { run } from './run.ts';
import { serveStatus } from './serve-status.ts';
import { createServices } from './services.ts';
import { listenForSignals } from './signals.ts';
import { createSummary } from './summary.ts';
import { realSystem } from './system.ts';
import { createTeller } from './teller.ts';
import type { World } from './world.ts';

/** By systemClock.elapsed(). */
const PROCESS_START_MS = 0;

export interface ProgramStreams {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** @returns the exit code; what went wrong is in the log by then */
export async function runDaemon(
  path: string,
  env: NodeJS.ProcessEnv,
  streams: ProgramStreams,
): Promise<number> {
  const signals = listenForSignals();
  const fault = new AbortController();
  process.on('uncaughtException', takeFault);
  const redactor = createRedactor();
  const record = createRecord({ clock: systemClock, redactor, version: packageJson.version });
  const surroundings: LogSurroundings = {
    stderrIsJournal: stderrIsJournal(env),
    onDropped: bytes => record.tell({ kind: 'dropped', bytes }),
  };
  let log = createLog({ implementation: 'stdio' }, redactor, surroundings);

  /** What was thrown where nobody can catch it: the first ends the run, which tells it. */
  function takeFault(error: unknown): void {
    if (fault.signal.aborted) logFailure(error, log);
    else fault.abort(error);
  }

  try {
    const { config, warnings } = await loadRunnerConfig(path);
    learnSecrets(config, redactor);
    const opened = openLog(config, redactor, surroundings);
    if (opened.log !== undefined) {
      const stderrLog = log;
      log = opened.log;
      await stderrLog.close();
    }
    record.configured(config);
    if (config.status !== undefined) log = observeLog(log, record);
    for (const warning of warnings) log.warn(warning);
    const outside = { env, stdout: streams.stdout, log, redactor, signals, fault: fault.signal };
    const code = await runObserved(
      config,
      { ...outside, clock: systemClock, system: realSystem },
      record,
      opened.obstacle,
    );
    // The run has told one that came after it, but had its code already.
    return fault.signal.aborted ? exitCodeOfFailure(fault.signal.reason) : code;
  } catch (error) {
    logFailure(error, log);
    return exitCodeOfFailure(error);
  } finally {
    await log.close();
    process.off('uncaughtException', takeFault);
    process.on('uncaughtException', error => tellLastFault(error, streams.stderr));
  }
}

/** After the log was closed there is only this. */
function tellLastFault(error: unknown, stderr: Writable): void {
  stderr.write(
    `start-worker: error: a fault of start-worker itself, please report it: ${messageOf(error)}\n`,
  );
  process.exitCode = EXIT_CODES.internal.code;
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

/** A log that cannot be opened is for the run to fail with: it knows what becomes of a cloud's machine then. */
function openLog(
  { logging }: RunnerConfig,
  redactor: Redactor,
  surroundings: LogSurroundings,
): { readonly log?: Log; readonly obstacle?: RunnerError } {
  if (logging.implementation === 'stdio') return {};
  try {
    return { log: createLog(logging, redactor, surroundings) };
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    return { obstacle: error };
  }
}

/** The run, with all who look into it: the status page, the service manager, the summary at its end. */
async function runObserved(
  config: RunnerConfig,
  world: Omit<World, 'services' | 'tell'>,
  record: RunRecord,
  obstacle: RunnerError | undefined,
): Promise<number> {
  const { clock, log } = world;
  const serviceManager = await reachServiceManager(config, { ...world, record });
  const status = serveStatus(config, record, log);
  const summary = createSummary(PROCESS_START_MS, clock, log);
  const tell = createTeller([record.tell, summary, serviceManager.tell], log);
  try {
    return await runConnected(config, { ...world, tell }, obstacle);
  } finally {
    await Promise.all([status.close(), serviceManager.close()]);
  }
}

async function runConnected(
  config: RunnerConfig,
  world: Omit<World, 'services'>,
  obstacle: RunnerError | undefined,
): Promise<number> {
  const { log } = world;
  world.signals.onHangup(() => log.reopen());
  log.info(`version ${packageJson.version}, runner config ${config.path}`, {
    provider: config.provider.providerType,
    worker: config.worker.implementation,
  });
  const services = createServices({ ...world, network: config.network });
  try {
    return await run(config, { ...world, services }, obstacle);
  } finally {
    services.close();
  }
}
