/**
 * A simulated machine of a cloud whose built start-worker is started again and again, with a worker that keeps a
 * ledger.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { JsonObject } from '../../src/json.ts';
import type { RecordedRequest, ScenarioMachine, Simulator } from '../../src/simulator/index.ts';
import { startProgram, type RunningProgram } from './program.ts';
import { fixture, genericWorker, writeRunnerConfig, writeScript } from './runner-config.ts';
import { simulateMachine, type MachineScenario } from './simulator.ts';
import { temporaryFolder } from './temp.ts';
import { endRun } from './worker-run.ts';

export interface LastingOptions {
  /** Default: aws. */
  readonly cloud?: ScenarioMachine['cloud'];
  readonly scenario?: MachineScenario;
  readonly lifecycle?: object;
  /** Other sections of the runner config of every start. */
  readonly config?: object;
}

/** What the worker held when it started, or got credentials. */
export interface LedgerEntry {
  readonly event: 'start' | 'credentials';
  readonly token: string;
  /** The token in its config file at that moment, … */
  readonly config: string;
  /** … and in the file of cacheOverRestarts. */
  readonly kept?: string;
  readonly pid: number;
  /** The memory of its start-worker. */
  readonly runnerKiB: number;
}

export interface LastingMachine {
  readonly folder: string;
  /** The file of cacheOverRestarts. */
  readonly cache: string;
  readonly simulator: Simulator;
  /** Sections of the runner config, in the place of ours. */
  configure(config: object): Promise<unknown>;
  /** @param env RENEWALS: after how many the worker ends; ENDS_WITH: its exit code (default 67) */
  start(env?: Readonly<Record<string, string>>): RunningProgram;
  ledger(): Promise<readonly LedgerEntry[]>;
  calls(call: RecordedRequest['call']): readonly RecordedRequest[];
  /** What was called to halt the machine. */
  halts(): Promise<string>;
  /** When the credentials end that are kept. */
  keptUntil(): Promise<Date>;
}

export async function lastingMachine(t: TestContext, options: LastingOptions = {}): Promise<LastingMachine> {
  const { cloud = 'aws' } = options;
  const folder = await temporaryFolder(t);
  const simulator = await simulateMachine(t, cloud, { metadata: { delay: '0ms' }, ...options.scenario });
  // Nothing may halt the machine that the test runs on.
  const haltIt = await writeScript(folder, 'shutdown', `echo "$0 $*" >>'${folder}/halts'`);
  const configure = (config: object = {}) =>
    writeRunnerConfig(folder, {
      provider: { providerType: cloud },
      worker: genericWorker(folder, fixture('worker-keeps-ledger.mjs')),
      network: { retryFor: '3s', attemptTimeout: '3s' },
      lifecycle: { shutdownCommand: [haltIt, '--now'], ...options.lifecycle },
      cacheOverRestarts: 'cache.json',
      ...options.config,
      ...config,
    });
  const config = await configure();
  const textOf = async (name: string) =>
    existsSync(join(folder, name)) ? readFile(join(folder, name), 'utf8') : '';
  return {
    folder,
    cache: join(folder, 'cache.json'),
    simulator,
    configure,
    start(env = {}) {
      const PATH = `${folder}:${simulator.env.PATH ?? ''}`;
      const program = startProgram('start-worker', [config], { env: { ...simulator.env, PATH, ...env } });
      t.after(() => endRun(program));
      return program;
    },
    async ledger() {
      const lines = (await textOf('worker.json.ledger')).split('\n').slice(0, -1);
      return lines.map(line => JSON.parse(line) as LedgerEntry);
    },
    calls: call => simulator.requests.filter(request => request.call === call),
    halts: () => textOf('halts'),
    async keptUntil() {
      const { registered } = JSON.parse(await textOf('cache.json')) as {
        readonly registered: { readonly credentialsExpireAt: string };
      };
      return new Date(registered.credentialsExpireAt);
    },
  };
}

/** What is kept, as a file of the reference, whose credentials are alive. */
export async function asReferenceCache(cache: string): Promise<JsonObject> {
  const { identified, registered } = JSON.parse(await readFile(cache, 'utf8')) as {
    readonly identified: {
      readonly identity: JsonObject;
      readonly location: JsonObject;
      readonly metadata: JsonObject;
    };
    readonly registered: JsonObject;
  };
  const { identity } = identified;
  return {
    RootURL: identity.rootUrl ?? '',
    Credentials: { ...(registered.credentials as JsonObject), authorizedScopes: null },
    CredentialsExpire: registered.credentialsExpireAt ?? '',
    RegistrationSecret: registered.registrationSecret ?? '',
    WorkerPoolID: identity.workerPoolId ?? '',
    WorkerGroup: identity.workerGroup ?? '',
    WorkerID: identity.workerId ?? '',
    ProviderID: identity.providerId ?? '',
    ProviderMetadata: identified.metadata,
    WorkerConfig: { rootURL: identity.rootUrl ?? '', accessToken: 'an-older-token' },
    Files: null,
    WorkerLocation: identified.location,
  };
}
