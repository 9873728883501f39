import type { JsonObject } from '../json.ts';
import type { LoggingOptions } from '../logging/log.ts';

/** The runner config as the run uses it: defaults filled in, durations in milliseconds, sizes in bytes. */
export interface RunnerConfig {
  /** The path as the user gave it; errors and logs name it. */
  readonly path: string;
  readonly provider: ProviderConfig;
  readonly worker: WorkerConfigSection;
  readonly workerConfig: JsonObject;
  readonly logging: LoggingOptions;
  readonly getSecrets: boolean;
  readonly cacheOverRestarts?: string;
  readonly network: NetworkSettings;
  readonly limits: LimitSettings;
  readonly lifecycle: LifecycleSettings;
}

/** What standalone and static share: who the worker is, spelled as the reference spells it. */
interface ConfiguredIdentity {
  readonly rootURL: string;
  readonly workerPoolID: string;
  readonly workerGroup: string;
  readonly workerID: string;
  readonly providerMetadata?: JsonObject;
  readonly workerLocation?: Readonly<Record<string, string>>;
}

export interface StandaloneProviderConfig extends ConfiguredIdentity {
  readonly providerType: 'standalone';
  readonly clientID: string;
  readonly accessToken: string;
}

export interface StaticProviderConfig extends ConfiguredIdentity {
  readonly providerType: 'static';
  readonly providerID: string;
  readonly staticSecret: string;
}

export type ProviderConfig = StandaloneProviderConfig | StaticProviderConfig;

export interface DummyWorkerConfig {
  readonly implementation: 'dummy';
  /** Show what this implementation would get. */
  readonly as?: 'generic-worker';
  readonly configPath?: string;
}

export interface GenericWorkerConfig {
  readonly implementation: 'generic-worker';
  readonly path: string;
  readonly configPath: string;
  readonly protocolPipe?: string;
}

export type WorkerConfigSection = DummyWorkerConfig | GenericWorkerConfig;

export interface NetworkSettings {
  readonly retryForMs: number;
  readonly attemptTimeoutMs: number;
}

export interface LimitSettings {
  readonly lineBytes: number;
  readonly messageBytes: number;
  readonly fileEntries: number;
  readonly fileSizeBytes: number;
  readonly filesTotalBytes: number;
}

export interface LifecycleSettings {
  readonly helloTimeoutMs: number;
  readonly drainTimeoutMs: number;
}
