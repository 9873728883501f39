/** The simulator as a library: tests and benchmarks start a Taskcluster inside their own process. */
import type { ScenarioFault, ScenarioMachine, ScenarioWorker } from '../generated/types.ts';
import type { JsonObject } from '../json.ts';
import { RunnerError } from '../errors.ts';
import type { CallName } from './api-call.ts';
import { createFaultPlan } from './faults.ts';
import type { RecordedRequest } from './journal.ts';
import { eventMistake } from './machine/events.ts';
import { happen, withdraw, type Machine } from './machine/machine.ts';
import { cloudEnv, startCloud, type RunningCloud } from './running-cloud.ts';
import { resolveScenario, scenarioMistakes, type ScenarioInput } from './scenario.ts';
import { mistakeText } from './scenario-file.ts';
import { addWorker, createIssuer, createState, type CloudState, type SecretSetting } from './state.ts';

export type {
  CallName,
  RecordedRequest,
  ScenarioFault,
  ScenarioInput,
  ScenarioMachine,
  ScenarioWorker,
  SecretSetting,
};

export interface Simulator {
  readonly rootUrl: string;
  /** Where the certificate to trust is, where TLS is spoken: for SSL_CERT_FILE. */
  readonly caFile?: string;
  /** Where the metadata service is, where the scenario has a machine. */
  readonly metadataUrl?: string;
  /** What a program is to be started with, above the environment that there is, to find all this and halt nothing. */
  readonly env: Readonly<Record<string, string>>;
  /** What was asked so far, in order; noted before it is answered. */
  readonly requests: readonly RecordedRequest[];
  /** Resolves with the count-th request of a call (default: the first), which may have come already. */
  waitFor(call: CallName, count?: number): Promise<RecordedRequest>;
  /** The same for requests to the metadata service whose path and query hold a text. */
  waitForMetadata(path: string, count?: number): Promise<RecordedRequest>;
  /** Lets something happen to the machine, in the words of a timeline. @throws RunnerError where there is no such event */
  happen(event: string): void;
  /** Takes it back. @throws as happen() */
  withdraw(event: string): void;
  /** The command lines that would have halted the machine, so far: `shutdown -h now`. */
  haltCommands(): readonly string[];
  /** Replaces all faults; their counting begins anew. */
  setFaults(faults: readonly ScenarioFault[]): void;
  addWorker(worker: ScenarioWorker): void;
  setWorkerConfig(workerPoolId: string, workerConfig: JsonObject): void;
  /** The content of a secret, or the status that asking for it gets. */
  setSecret(name: string, setting: SecretSetting): void;
  /** From now on all credentials issued so far are refused with 401. */
  revoke(): void;
  close(): Promise<void>;
}

export interface SimulatorOptions {
  /** The service's clock, milliseconds since 1970. Default: Date.now */
  readonly now?: () => number;
  /** Whether the metadata service is at 169.254.169.254:80, which some network interface must have. */
  readonly realAddress?: boolean;
}

/**
 * Starts a Taskcluster on loopback. Unlike the program it takes any free port unless the scenario names one.
 * @throws RunnerError with exit `config`: a mistake in the scenario, or a port that is taken
 */
export async function startSimulator(
  scenario: ScenarioInput,
  options: SimulatorOptions = {},
): Promise<Simulator> {
  requireScenario(scenario);
  const resolved = resolveScenario(scenario, { taskcluster: 0, metadata: 0 });
  const state = createState(resolved, options.now ?? Date.now);
  return createSimulator(state, await startCloud(state, options.realAddress ?? false));
}

function createSimulator(state: CloudState, cloud: RunningCloud): Simulator {
  const { rootUrl, caFile, metadataUrl } = cloud;
  return {
    rootUrl,
    ...(caFile === undefined ? {} : { caFile }),
    ...(metadataUrl === undefined ? {} : { metadataUrl }),
    env: cloudEnv(process.env, cloud),
    requests: state.journal.requests,
    waitFor: (call, count = 1) => state.journal.waitFor(call, count),
    waitForMetadata: (path, count = 1) => state.journal.waitFor('metadata', count, path),
    happen: event => happen(requireEvent(state, event), event),
    withdraw: event => withdraw(requireEvent(state, event), event),
    haltCommands: cloud.haltCommands,
    close: cloud.close,
    setFaults(faults) {
      requireScenario({ faults: [...faults] });
      state.faults = createFaultPlan(faults);
    },
    addWorker(worker) {
      requireScenario({ workers: [worker] });
      addWorker(state, worker);
    },
    setWorkerConfig: (workerPoolId, workerConfig) => void state.workerConfigs.set(workerPoolId, workerConfig),
    setSecret: (name, setting) => void state.secrets.set(name, setting),
    revoke() {
      state.issuer = createIssuer();
    },
  };
}

function requireEvent({ machine }: CloudState, event: string): Machine {
  const mistake = machine === undefined ? 'needs a machine' : eventMistake(machine.cloud, event);
  if (machine !== undefined && mistake === undefined) return machine;
  throw new RunnerError('config.invalid', `the event "${event}" ${mistake ?? ''}`, { exit: 'config' });
}

function requireScenario(scenario: ScenarioInput): void {
  const details = scenarioMistakes(scenario).map(({ pointer, text }) => mistakeText(pointer, text));
  if (details.length > 0)
    throw new RunnerError('config.invalid', 'the scenario is wrong', { exit: 'config', details });
}
