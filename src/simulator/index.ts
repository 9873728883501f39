/** The simulator as a library: tests and benchmarks start a Taskcluster inside their own process. */
import type { ScenarioFault, ScenarioWorker } from '../generated/types.ts';
import type { JsonObject } from '../json.ts';
import { RunnerError } from '../errors.ts';
import type { CallName } from './api-call.ts';
import { createFaultPlan } from './faults.ts';
import type { RecordedRequest } from './journal.ts';
import { resolveScenario, scenarioMistakes, type ScenarioInput } from './scenario.ts';
import { mistakeText } from './scenario-file.ts';
import { startServer } from './server.ts';
import { addWorker, createIssuer, createState, type CloudState, type SecretSetting } from './state.ts';

export type { CallName, RecordedRequest, ScenarioFault, ScenarioInput, ScenarioWorker, SecretSetting };

export interface Simulator {
  readonly rootUrl: string;
  /** Where the certificate to trust is, where TLS is spoken: for SSL_CERT_FILE. */
  readonly caFile?: string;
  /** What was asked so far, in order; noted before it is answered. */
  readonly requests: readonly RecordedRequest[];
  /** Resolves with the count-th request of a call (default: the first), which may have come already. */
  waitFor(call: CallName, count?: number): Promise<RecordedRequest>;
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
  const state = createState(resolveScenario(scenario, 0), options.now ?? Date.now);
  const server = await startServer(state);
  return createSimulator(state, server);
}

function createSimulator(state: CloudState, server: Awaited<ReturnType<typeof startServer>>): Simulator {
  return {
    ...server,
    requests: state.journal.requests,
    waitFor: (call, count = 1) => state.journal.waitFor(call, count),
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

function requireScenario(scenario: ScenarioInput): void {
  const details = scenarioMistakes(scenario).map(({ pointer, text }) => mistakeText(pointer, text));
  if (details.length > 0)
    throw new RunnerError('config.invalid', 'the scenario is wrong', { exit: 'config', details });
}
