/** The program simulate-cloud: from its command line to its exit code. */
import type { Writable } from 'node:stream';
import packageJson from '../../package.json' with { type: 'json' };
import { RunnerError } from '../errors.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { withoutLauncherVariables } from '../launcher-variables.ts';
import { createOpenFilesRestorer } from '../platform/restore-open-files.ts';
import { helpText, parseCommandLine, USAGE, type CommandLine } from './command-line.ts';
import { runCommand } from './command.ts';
import { listenForEndSignals } from './end-signals.ts';
import { requestLine, summaryLines } from './report.ts';
import { readScenarioFile } from './scenario-file.ts';
import { DEFAULT_PORT, resolveScenario, type ScenarioInput } from './scenario.ts';
import { startServer, type RunningServer } from './server.ts';
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
  const state = createState(resolveScenario(scenario, DEFAULT_PORT), Date.now);
  const signals = listenForEndSignals();
  try {
    const server = await startServer(state);
    introduce(state, server, say);
    if (!line.quiet) state.journal.onRecord(request => say(requestLine(request)));
    try {
      if (line.command.length > 0) {
        const childEnv = commandEnv(env, server);
        const { wrap, obstacle } = await createOpenFilesRestorer(env, childEnv);
        if (obstacle !== undefined) say(obstacle);
        return await runCommand(line.command, childEnv, wrap, signals);
      }
      say('it runs until Ctrl-C');
      await signals.first;
      return 0;
    } finally {
      await server.close();
      for (const text of summaryLines(state)) say(text);
    }
  } finally {
    signals.release();
  }
}

function withOverrides(scenario: ScenarioInput, overrides: ScenarioInput): ScenarioInput {
  return { ...scenario, ...overrides, faults: [...(overrides.faults ?? []), ...(scenario.faults ?? [])] };
}

function introduce(
  { scenario, workers, secrets }: CloudState,
  { rootUrl, caFile }: RunningServer,
  say: Say,
): void {
  const parts = [
    counted(workers.size, 'worker'),
    counted(secrets.size, 'secret'),
    counted(scenario.faults.length, 'fault'),
  ];
  say(`a simulated Taskcluster (version ${scenario.version}) is at ${rootUrl}: ${parts.join(', ')}`);
  if (caFile === undefined) return;
  say(`its certificate is issued by a CA whose certificate is in ${caFile}; what you start by hand needs`);
  say(`  export SSL_CERT_FILE=${caFile}`);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** As if the command were started where we were, but in the simulated cloud. */
function commandEnv(env: NodeJS.ProcessEnv, { rootUrl, caFile }: RunningServer): Record<string, string> {
  // What is on this machine is not to be asked for through a proxy.
  const noProxy = [env.NO_PROXY ?? env.no_proxy ?? '', new URL(rootUrl).hostname].filter(Boolean).join(',');
  return {
    ...withoutLauncherVariables(env),
    NO_PROXY: noProxy,
    no_proxy: noProxy,
    TASKCLUSTER_ROOT_URL: rootUrl,
    ...(caFile === undefined ? {} : { SSL_CERT_FILE: caFile }),
  };
}
