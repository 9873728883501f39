/** The program simulate-cloud: from its command line to its exit code. */
import type { Writable } from 'node:stream';
import packageJson from '../../package.json' with { type: 'json' };
import { RunnerError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { createDefaultsRestorer } from '../platform/restore-defaults.ts';
import { helpText, parseCommandLine, USAGE, type CommandLine } from './command-line.ts';
import { runCommand } from './command.ts';
import { listenForEndSignals } from './end-signals.ts';
import { createRequestLines, summaryLines } from './report.ts';
import { commandEnv, startCloud, type RunningCloud } from './running-cloud.ts';
import { readScenarioFile } from './scenario-file.ts';
import { DEFAULT_PORTS, resolveScenario, type ScenarioInput } from './scenario.ts';
import { createState, type CloudState } from './state.ts';

export interface ProgramStreams {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

type Run = Extract<CommandLine, { kind: 'run' }>;
type Say = (line: string) => void;

/**
 * Runs the program.
 * @param args the words after the program's name
 * @returns the exit code; never rejects
 */
export async function simulateCloud(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  streams: ProgramStreams,
): Promise<number> {
  // Whoever reads our words may be gone before the command is done.
  for (const stream of [streams.stdout, streams.stderr]) stream.on('error', () => undefined);
  const line = parseCommandLine(args);
  switch (line.kind) {
    case 'help':
      streams.stdout.write(helpText());
      return 0;
    case 'version':
      streams.stdout.write(`simulate-cloud ${packageJson.version}\n`);
      return 0;
    case 'wrong':
      streams.stderr.write(`simulate-cloud: ${line.reason}\n${USAGE}`);
      return EXIT_CODES.usage.code;
    case 'run':
      return run(line, env, text => streams.stderr.write(`simulate-cloud: ${text}\n`));
  }
}

async function run(line: Run, env: NodeJS.ProcessEnv, say: Say): Promise<number> {
  try {
    return await simulate(line, env, say);
  } catch (error) {
    if (error instanceof RunnerError) {
      for (const text of [error.message, ...error.details]) say(text);
      if (error.advice !== undefined) say(`what to do: ${error.advice}`);
      return error.exitCode;
    }
    say(
      `a fault of simulate-cloud itself, please report it: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
    );
    return EXIT_CODES.internal.code;
  }
}

async function simulate(line: Run, env: NodeJS.ProcessEnv, say: Say): Promise<number> {
  const scenario = withOverrides(await readScenarioFile(line.scenarioPath), line.overrides);
  const state = createState(resolveScenario(scenario, DEFAULT_PORTS), Date.now);
  if (line.realAddress && state.machine === undefined) throw machineMissing(line.scenarioPath);
  const signals = listenForEndSignals();
  try {
    state.machine?.changes.on('happened', words => say(`${clockTime()} the cloud: ${words}`));
    const cloud = await startCloud(state, line.realAddress);
    introduce(state, cloud, say);
    if (!line.quiet) tellRequests(state, say);
    try {
      if (line.command.length > 0) {
        const childEnv = commandEnv(env, cloud);
        const { wrap, obstacle } = await createDefaultsRestorer(env, childEnv);
        if (obstacle !== undefined) say(obstacle);
        return await runCommand(line.command, childEnv, wrap, signals);
      }
      say('it runs until Ctrl-C');
      await signals.first;
      return 0;
    } finally {
      const haltCommands = cloud.haltCommands();
      await cloud.close();
      for (const text of summaryLines(state, haltCommands)) say(text);
    }
  } finally {
    signals.release();
  }
}

function machineMissing(path: string): RunnerError {
  return new RunnerError('simulator.real-address', `--real-address needs a machine, and ${path} has none`, {
    exit: 'config',
  });
}

function withOverrides(scenario: ScenarioInput, overrides: ScenarioInput): ScenarioInput {
  return {
    ...scenario,
    ...overrides,
    metadata: { ...scenario.metadata, ...overrides.metadata },
    faults: [...(overrides.faults ?? []), ...(scenario.faults ?? [])],
  };
}

function tellRequests({ journal }: CloudState, say: Say): void {
  const lineOf = createRequestLines();
  journal.onRecord(request => {
    const line = lineOf(request);
    if (line !== undefined) say(line);
  });
}

function clockTime(): string {
  return new Date().toTimeString().slice(0, 8);
}

function introduce(state: CloudState, cloud: RunningCloud, say: Say): void {
  const { scenario, workers, secrets, machine } = state;
  const { rootUrl, metadataUrl, pathFolder } = cloud;
  const parts = [
    counted(workers.size, 'worker'),
    counted(secrets.size, 'secret'),
    counted(scenario.faults.length, 'fault'),
  ];
  say(`a simulated Taskcluster (version ${scenario.version}) is at ${rootUrl}: ${parts.join(', ')}`);
  if (machine !== undefined) {
    const { cloud: name, worker } = machine.settings;
    say(`a simulated metadata service (${name}, machine ${worker.workerId}) is at ${metadataUrl ?? ''}`);
  }
  if (cloud.caFile !== undefined)
    say(`its certificate is issued by a CA whose certificate is in ${cloud.caFile}`);
  // The root URL comes from the runner config, or from the metadata service.
  const exports = Object.entries(cloud.variables)
    .filter(([name]) => name !== 'TASKCLUSTER_ROOT_URL')
    .map(([name, value]) => `${name}=${value}`);
  if (pathFolder !== undefined) exports.push(`PATH=${pathFolder}:"$PATH"   # with a harmless shutdown`);
  if (exports.length === 0) return;
  say('what you start by hand needs');
  for (const text of exports) say(`  export ${text}`);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
