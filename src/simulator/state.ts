/** All that the simulated Taskcluster knows, in one value. */
import type { ScenarioClient, ScenarioWorker } from '../generated/types.ts';
import type { JsonObject } from '../json.ts';
import { createFaultPlan, type FaultPlan } from './faults.ts';
import { CLOUDS } from './machine/clouds.ts';
import { createMachine, type Machine } from './machine/machine.ts';
import { createJournal, type Journal } from './journal.ts';
import type { Scenario } from './scenario.ts';
import { randomToken, type Issuer } from './temporary-credentials.ts';

/** The content of a secret, or the status that asking for it gets. */
export type SecretSetting = JsonObject | SecretRefusal;
export type SecretRefusal = 403 | 404 | 410;

/** A static worker, or the simulated machine: that one has no staticSecret. */
type ConfiguredWorker = Omit<ScenarioWorker, 'staticSecret'> & { readonly staticSecret?: string };

/** A worker as worker-manager knows it. */
export interface KnownWorker {
  readonly configured: ConfiguredWorker;
  /** It exists before it registers; removeWorker stops it for good. */
  readonly state: 'created' | 'registered' | 'stopped';
  /** Works once, for the next re-registration. */
  readonly registrationSecret?: string;
  readonly expires?: Date;
}

export interface CloudState {
  readonly scenario: Scenario;
  /** The true clock: milliseconds since 1970. */
  readonly now: () => number;
  /** By `pool/group/id`. */
  readonly workers: Map<string, KnownWorker>;
  /** By worker pool id: every pool that exists. */
  readonly workerConfigs: Map<string, JsonObject>;
  readonly secrets: Map<string, SecretSetting>;
  readonly secretsRead: Set<string>;
  readonly clients: ReadonlyMap<string, ScenarioClient>;
  readonly journal: Journal;
  readonly machine: Machine | undefined;
  /** Empty until it listens. */
  rootUrl: string;
  /** Replaced where all credentials are revoked: nothing that the old one signed holds any more. */
  issuer: Issuer;
  faults: FaultPlan;
}

export function createState(scenario: Scenario, now: () => number): CloudState {
  const { machine: settings } = scenario;
  const state: CloudState = {
    scenario,
    now,
    workers: new Map(),
    workerConfigs: new Map(scenario.workerConfigs),
    secrets: new Map(scenario.secrets),
    secretsRead: new Set(),
    clients: new Map(scenario.clients.map(client => [client.clientId, client])),
    journal: createJournal(),
    machine: settings && createMachine(settings, CLOUDS[settings.cloud], now),
    rootUrl: '',
    issuer: createIssuer(),
    faults: createFaultPlan(scenario.faults),
  };
  for (const worker of scenario.workers) addWorker(state, worker);
  if (settings !== undefined) addWorker(state, settings.worker);
  return state;
}

export function createIssuer(): Issuer {
  return { clientId: 'static/taskcluster/worker-manager', accessToken: randomToken() };
}

export function addWorker(state: CloudState, worker: ConfiguredWorker): void {
  state.workers.set(workerKey(worker), { configured: worker, state: 'created' });
  if (!state.workerConfigs.has(worker.workerPoolId)) state.workerConfigs.set(worker.workerPoolId, {});
}

export function workerKey(
  worker: Readonly<Record<'workerPoolId' | 'workerGroup' | 'workerId', string>>,
): string {
  return `${worker.workerPoolId}/${worker.workerGroup}/${worker.workerId}`;
}
