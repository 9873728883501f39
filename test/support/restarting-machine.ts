/** A machine that the built start-worker runs on again and again, with the same disk. */
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { JsonObject } from '../../src/json.ts';
import type { ScenarioMachine, Simulator } from '../../src/simulator/index.ts';
import { programPath, type RunningProgram, startFile } from './program.ts';
import { genericWorker, writeRunnerConfig, writeScript } from './runner-config.ts';
import { MACHINES, simulateMachine, type MachineScenario } from './simulator.ts';
import { temporaryFolder } from './temp.ts';
import { endRun } from './worker-run.ts';

export interface RestartingOptions {
  /** Default: aws. */
  readonly cloud?: ScenarioMachine['cloud'];
  readonly scenario?: MachineScenario;
  /** Sections of the runner config of every start. */
  readonly config?: object;
  /** What its worker's shell does; its config file is `$3`. Default: it wants a reboot at once, so that it is kept. */
  readonly worker?: string;
}

export interface Startup {
  /** Sections of the runner config of this start. */
  readonly config?: object;
  readonly env?: Readonly<Record<string, string>>;
  /** Shell, in a mount namespace of this start's own: what it mounts is gone with the run. Its folder is `$FOLDER`. */
  readonly mounts?: string;
}

export interface Start {
  readonly code: number | null;
  readonly log: string;
  readonly warnings: readonly string[];
  /** What the worker was started with; undefined where it was not started. */
  readonly workerConfig: JsonObject | undefined;
  /** The Taskcluster calls of this start, with their status. */
  readonly calls: readonly string[];
}

export interface BegunStart extends RunningProgram {
  readonly ended: Promise<Start>;
}

export interface RestartingMachine {
  readonly folder: string;
  /** The file of cacheOverRestarts. */
  readonly cache: string;
  readonly simulator: Simulator;
  /** Starts it once more, to its end. */
  start(config?: object, env?: Readonly<Record<string, string>>): Promise<Start>;
  /** Starts it once more. Should the test fail, the run ends with it. */
  begin(startup?: Startup): Promise<BegunStart>;
  /** What is kept, as it stands in the file. */
  kept(): Promise<JsonObject>;
}

/** Its metadata service is named by the environment, so that it is not halted. */
export async function restartingMachine(
  t: TestContext,
  options: RestartingOptions = {},
): Promise<RestartingMachine> {
  const { cloud = 'aws' } = options;
  const folder = await temporaryFolder(t);
  const cache = join(folder, 'cache.json');
  const seen = join(folder, 'worker.json.seen');
  const simulator = await simulateMachine(t, cloud, options.scenario);
  const worker = await writeScript(folder, 'worker', `cp "$3" "$3.seen"\n${options.worker ?? 'exit 67'}`);
  // Nothing may halt the machine that the test runs on.
  const haltIt = await writeScript(folder, 'shutdown', `echo "$0 $*" >>'${folder}/halts'`);

  async function begin({ config = {}, env = {}, mounts }: Startup = {}): Promise<BegunStart> {
    await rm(seen, { force: true });
    const before = simulator.requests.length;
    const path = await writeRunnerConfig(folder, {
      provider: { providerType: cloud },
      worker: genericWorker(folder, worker),
      network: { retryFor: '3s', attemptTimeout: '3s' },
      lifecycle: { shutdownCommand: [haltIt, '--now'] },
      cacheOverRestarts: 'cache.json',
      ...options.config,
      ...config,
    });
    const PATH = `${folder}:${simulator.env.PATH ?? ''}`;
    const command = [programPath('start-worker'), path];
    const [file = '', ...args] =
      mounts === undefined
        ? command
        : ['unshare', '-m', 'sh', '-euc', `${mounts}\nexec "$0" "$1"`, ...command];
    const program = startFile(file, args, { env: { ...simulator.env, PATH, FOLDER: folder, ...env } });
    t.after(() => endRun(program));
    const ended = program.exited.then(async ({ code, stderr }) => ({
      code,
      log: stderr,
      warnings: Array.from(stderr.matchAll(/: warning: (.*)/g), ([, line = '']) => line),
      workerConfig: existsSync(seen) ? await jsonOf(seen) : undefined,
      calls: simulator.requests
        .slice(before)
        .filter(({ call }) => call !== 'metadata')
        .map(({ call, status }) => `${call} ${status ?? '-'}`),
    }));
    return Object.assign(program, { ended });
  }

  return {
    folder,
    cache,
    simulator,
    begin,
    start: async (config = {}, env = {}) => (await begin({ config, env })).ended,
    kept: () => jsonOf(cache),
  };
}

async function jsonOf(path: string): Promise<JsonObject> {
  return JSON.parse(await readFile(path, 'utf8')) as JsonObject;
}

/** The same kept state with other values at its top. */
export async function changeKept(machine: RestartingMachine, changes: object): Promise<void> {
  await writeFile(machine.cache, JSON.stringify({ ...(await machine.kept()), ...changes }));
}

/** A cache file as the reference leaves it on a machine of `cloud`. */
export function referenceCache(
  rootUrl: string,
  cloud: keyof typeof MACHINES,
  instance: { readonly workerGroup: string; readonly workerId: string; readonly metadata: object },
): JsonObject {
  return {
    RootURL: rootUrl,
    Credentials: {
      clientId: 'worker/reference',
      accessToken: 'access-token-of-the-reference',
      certificate: '{"version":1,"signature":"signature-of-the-reference"}',
      authorizedScopes: null,
    },
    CredentialsExpire: '2099-01-01T00:00:00.123456789Z',
    RegistrationSecret: 'registration-secret-of-the-reference',
    WorkerPoolID: MACHINES[cloud].workerPoolId,
    WorkerGroup: instance.workerGroup,
    WorkerID: instance.workerId,
    ProviderID: MACHINES[cloud].providerId,
    ProviderMetadata: instance.metadata as JsonObject,
    WorkerConfig: {
      rootURL: rootUrl,
      accessToken: 'an-older-token-of-the-reference',
      fromPool: true,
      list: [1, 2],
    },
    Files: null,
    WorkerLocation: { cloud, region: 'us-east-1' },
  };
}
