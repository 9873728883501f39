/** The built start-worker on a simulated machine of a cloud, and what became of the machine. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { JsonObject } from '../../src/json.ts';
import type { ScenarioMachine, Simulator } from '../../src/simulator/index.ts';
import { programPath, startFile, startProgram, withoutSummary, type RunningProgram } from './program.ts';
import { genericWorker, writeRunnerConfig, writeScript } from './runner-config.ts';
import { MACHINES, simulateMachine, type MachineScenario } from './simulator.ts';
import { temporaryFolder } from './temp.ts';
import { endRun } from './worker-run.ts';

export interface CloudMachine {
  /** Default: aws. */
  readonly cloud?: ScenarioMachine['cloud'];
  readonly scenario?: MachineScenario;
  /** What the worker's shell does. */
  readonly worker?: string;
  readonly lifecycle?: object;
  /** Sections of the runner config, in the place of ours. The folder is the test's. */
  readonly config?: (folder: string) => object;
  /** Shell: what the shutdownCommand does besides noting that it was called. */
  readonly halting?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Fate {
  readonly code: number | null;
  /** On the real address what simulate-cloud says stands between. */
  /** Without the summary, the last line of every run. */
  readonly log: string;
  /** How each removeWorker was answered. */
  readonly removals: readonly (number | undefined)[];
  /** What was called to halt the machine: our shutdownCommand, or any that the machine has. */
  readonly halts: readonly string[];
}

export interface Ended extends Fate {
  readonly simulator: Simulator;
  /** What each reportWorkerError said that was accepted. */
  readonly reports: readonly JsonObject[];
}

export interface Running<T> extends RunningProgram {
  readonly ended: Promise<T>;
}

/** How the log says on AWS why a machine is not halted whose metadata service is named by the environment. */
export const NOT_HALTED = 'but its metadata comes from AWS_EC2_METADATA_SERVICE_ENDPOINT: it is kept';

/** Starts one whose metadata service is named by the environment, so that it may not be halted. */
export async function startOnCloud(
  t: TestContext,
  machine: CloudMachine,
): Promise<Running<Ended> & { readonly simulator: Simulator }> {
  const folder = await temporaryFolder(t);
  const simulator = await simulateMachine(t, machine.cloud ?? 'aws', machine.scenario);
  const config = await writeConfig(folder, machine);
  const env = { ...simulator.env, PATH: `${folder}:${simulator.env.PATH ?? ''}`, ...machine.env };
  const program = startProgram('start-worker', [config], { env });
  t.after(() => endRun(program));
  const { requests } = simulator;
  const ended = program.exited.then(async ({ code, stderr }) => ({
    code,
    log: withoutSummary(stderr),
    simulator,
    removals: requests.flatMap(({ call, status }) => (call === 'removeWorker' ? [status] : [])),
    reports: requests.flatMap(({ call, status, payload }) =>
      call === 'reportWorkerError' && status === 200 ? [payload as JsonObject] : [],
    ),
    halts: await notedHalts(folder),
  }));
  return Object.assign(program, { simulator, ended });
}

export async function runOnCloud(t: TestContext, machine: CloudMachine): Promise<Ended> {
  return (await startOnCloud(t, machine)).ended;
}

/**
 * Starts one, in a network namespace of its own, whose metadata service is where its cloud has it: it may be halted.
 * @param options.metadata false: there is no metadata service, nor any Taskcluster
 */
export async function startOnRealAddress(
  t: TestContext,
  machine: CloudMachine,
  { metadata = true }: { readonly metadata?: boolean } = {},
): Promise<Running<Fate>> {
  const { cloud = 'aws', scenario: { machine: changes, ...scenario } = {} } = machine;
  const folder = await temporaryFolder(t);
  const scenarioPath = join(folder, 'scenario.yml');
  const simulated = { port: 0, ...scenario, machine: { ...MACHINES[cloud], ...changes } };
  await writeFile(scenarioPath, JSON.stringify(simulated));
  // simulate-cloud would take out what names another metadata service.
  const variables = Object.entries(machine.env ?? {}).map(([name, value]) => `${name}=${value}`);
  const start = ['env', ...variables, programPath('start-worker'), await writeConfig(folder, machine)];
  const simulate = [programPath('simulate-cloud'), '--real-address', scenarioPath, '--'];
  const prepare = `ip link set lo up; ${metadata ? 'ip addr add 169.254.169.254/32 dev lo;' : ''}`;
  const command = ['sh', '-euc', `${prepare} exec "$0" "$@"`, ...(metadata ? simulate : []), ...start];
  const env = { PATH: `${folder}:${process.env.PATH ?? ''}` };
  const program = startFile('unshare', ['-n', ...command], { env });
  t.after(() => endRun(program));
  const ended = program.exited.then(async ({ code, stderr }) => ({
    code,
    log: withoutSummary(stderr),
    removals: Array.from(stderr.matchAll(/ removeWorker .* → (\d+)/g), ([, status]) => Number(status)),
    halts: [
      ...Array.from(stderr.matchAll(/ would have been halted now: (.*)/g), ([, words = '']) => words),
      ...(await notedHalts(folder)),
    ],
  }));
  return Object.assign(program, { ended });
}

export async function runOnRealAddress(...args: Parameters<typeof startOnRealAddress>): Promise<Fate> {
  return (await startOnRealAddress(...args)).ended;
}

/** Writes the runner config and its worker; whatever wants to halt the machine notes that in a file. */
async function writeConfig(folder: string, machine: CloudMachine): Promise<string> {
  const { cloud = 'aws', worker = '', lifecycle = {}, config, halting = '' } = machine;
  const note = `echo "\${0##*/} $*" >>'${folder}/halts'`;
  await writeScript(folder, 'shutdown', note);
  const haltIt = await writeScript(folder, 'halt-it', `${note}\n${halting}`);
  return writeRunnerConfig(folder, {
    provider: { providerType: cloud },
    worker: genericWorker(folder, await writeScript(folder, 'worker', worker)),
    network: { retryFor: '3s', attemptTimeout: '3s' },
    lifecycle: { shutdownCommand: [haltIt, '--now'], ...lifecycle },
    ...config?.(folder),
  });
}

async function notedHalts(folder: string): Promise<readonly string[]> {
  const path = join(folder, 'halts');
  return existsSync(path) ? (await readFile(path, 'utf8')).trimEnd().split('\n') : [];
}
