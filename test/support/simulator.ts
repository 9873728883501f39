/** A simulated Taskcluster for a test, and an honest client: taskcluster-client itself. */
import type { TestContext } from 'node:test';
import {
  startSimulator,
  type ScenarioInput,
  type ScenarioMachine,
  type Simulator,
  type SimulatorOptions,
} from '../../src/simulator/index.ts';

/** The static worker that the simulator of a test knows. */
export const WORKER = {
  workerPoolId: 'demo/laptop',
  providerId: 'static-demo',
  workerGroup: 'my-desk',
  workerId: 'laptop-1',
  staticSecret: 'test-test-test-test-test-test-test-test-test',
} as const;

/** Starts a simulator that knows WORKER, and closes it when the test is over. */
export async function simulate(
  t: TestContext,
  scenario: ScenarioInput = {},
  options: SimulatorOptions = {},
): Promise<Simulator> {
  const simulator = await startSimulator({ workers: [WORKER], ...scenario }, options);
  t.after(() => simulator.close());
  return simulator;
}

/** The machine that the simulator of a test pretends to be; workerGroup and workerId are the cloud's own defaults. */
export const MACHINES = {
  aws: { cloud: 'aws', workerPoolId: 'demo/aws', providerId: 'aws-demo' },
  azure: { cloud: 'azure', workerPoolId: 'demo/azure', providerId: 'azure-demo' },
  google: { cloud: 'google', workerPoolId: 'demo/google', providerId: 'google-demo' },
} as const satisfies Record<ScenarioMachine['cloud'], ScenarioMachine>;

/** A scenario for a machine: keys of `machine` stand above those of MACHINES. */
export type MachineScenario = Omit<ScenarioInput, 'machine'> & {
  readonly machine?: Partial<ScenarioMachine>;
};

/** Starts a simulator that is a machine of a cloud as well, and closes it when the test is over. */
export function simulateMachine(
  t: TestContext,
  cloud: ScenarioMachine['cloud'],
  { machine, ...scenario }: MachineScenario = {},
  options: SimulatorOptions = {},
): Promise<Simulator> {
  return simulate(t, { ...scenario, machine: { ...MACHINES[cloud], ...machine } }, options);
}

export interface TestCredentials {
  readonly clientId: string;
  readonly accessToken: string;
  readonly certificate?: string;
}

/** What register- and reregisterWorker answer. */
export interface Lease {
  readonly expires: string;
  readonly credentials: TestCredentials;
  readonly secret: string;
  readonly workerConfig: unknown;
}

export interface TestClient {
  registerWorker(payload: object): Promise<Lease>;
  reregisterWorker(payload: object): Promise<Lease>;
  removeWorker(workerPoolId: string, workerGroup: string, workerId: string): Promise<unknown>;
  reportWorkerError(workerPoolId: string, payload: object): Promise<unknown>;
  /** secrets.get */
  get(name: string): Promise<{ readonly secret: unknown }>;
  ping(): Promise<unknown>;
}

export interface ClientOptions {
  readonly credentials?: TestCredentials;
  readonly authorizedScopes?: readonly string[];
  /** For the connection: `ca`, `keepAlive`. */
  readonly agent?: object;
  /** Milliseconds. */
  readonly timeout?: number;
}

/** A client of worker-manager or of the secrets service that tries everything once. */
export async function client(
  service: 'WorkerManager' | 'Secrets',
  rootUrl: string,
  options: ClientOptions = {},
): Promise<TestClient> {
  // The package carries no types; by a name that TypeScript does not follow it is simply unknown.
  const name: string = 'taskcluster-client';
  const { default: services } = (await import(name)) as {
    default: Readonly<Record<typeof service, new (options: object) => TestClient>>;
  };
  return new services[service]({ rootUrl, retries: 0, credentials: {}, ...options });
}

/** The body of registerWorker for WORKER. */
export function registration(changes: object = {}): object {
  const { staticSecret, ...identity } = WORKER;
  return { ...identity, workerIdentityProof: { staticSecret }, ...changes };
}

/** Registers WORKER and gives what worker-manager answered. */
export async function register(simulator: Simulator): Promise<Lease> {
  const workerManager = await client('WorkerManager', simulator.rootUrl);
  return workerManager.registerWorker(registration());
}
