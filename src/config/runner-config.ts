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
  /** Absolute; absent: nothing is kept. */
  readonly cacheOverRestarts?: string;
  readonly network: NetworkSettings;
  readonly limits: LimitSettings;
  readonly lifecycle: LifecycleSettings;
  readonly metadata: MetadataSettings;
  readonly interruptions: InterruptionSettings;
  readonly renewal: RenewalSettings;
  /** Where the state of the run is served; absent: nowhere. */
  readonly status?: StatusSettings;
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

/** A cloud's machine is told who it is by the cloud's metadata service. */
export interface CloudProviderConfig {
  readonly providerType: 'aws' | 'azure' | 'google';
}

export type ProviderConfig = StandaloneProviderConfig | StaticProviderConfig | CloudProviderConfig;

export interface DummyWorkerConfig {
  readonly implementation: 'dummy';
  /** Show what this implementation would get. */
  readonly as?: 'generic-worker' | 'docker-worker';
  readonly configPath?: string;
}

export interface GenericWorkerConfig extends ProcessSettings {
  readonly implementation: 'generic-worker';
  readonly path: string;
  readonly configPath: string;
  readonly protocolPipe?: string;
}

export interface DockerWorkerConfig extends ProcessSettings {
  readonly implementation: 'docker-worker';
  /** The folder of docker-worker. */
  readonly path: string;
  readonly configPath: string;
}

/** How a worker's process is started; POSIX only. */
export interface ProcessSettings {
  /** `user` or `user:group`; absent: the runner's own. */
  readonly user?: string;
  /** The soft limit of open files; absent: what the runner was started with. */
  readonly openFiles?: number;
}

export type WorkerConfigSection = DummyWorkerConfig | GenericWorkerConfig | DockerWorkerConfig;

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
  /** On a cloud: what the end of the worker means for the machine, by its exit code. */
  readonly onExit: {
    readonly codes: ReadonlyMap<number, HostAction>;
    /** For every other code, and for a worker that a signal ended. */
    readonly other: HostAction;
  };
  /** On a cloud: what a failure of the runner itself means for the machine. */
  readonly onFailure: {
    readonly action: HostAction;
    /** How long somebody who is there has to look at the machine; undefined: the default of that moment (see ends.ts). */
    readonly delayMs: number | undefined;
  };
  /** On static and standalone: whether the worker's `shutdown` halts the host. */
  readonly shutdownHost: boolean;
  /** Program and arguments; the program is sought in PATH. */
  readonly shutdownCommand: readonly string[];
  /** What a run that SIGTERM or SIGINT ended means for worker and machine. */
  readonly onSignal: HostAction;
  /** Whether SIGTERM and SIGINT let the worker finish its tasks. */
  readonly finishTasks: boolean;
  /** From graceful-termination to SIGTERM, … */
  readonly gracePeriodMs: number;
  /** … and from there to SIGKILL. */
  readonly killAfterMs: number;
}

export type HostAction = 'remove' | 'keep';

export interface MetadataSettings {
  /** After this long without an answer there is no cloud here. */
  readonly giveUpAfterMs: number;
}

export interface InterruptionSettings {
  /** Between two looks; undefined: the cloud's own default. */
  readonly pollMs: number | undefined;
  readonly rebalance: boolean;
  readonly maintenance: boolean;
  readonly acknowledge: boolean;
}

export interface RenewalSettings {
  /** How long before the credentials end they are renewed, … */
  readonly beforeMs: number;
  /** … and how long before their end a renewal that fails is given up. */
  readonly giveUpMs: number;
}

export interface StatusSettings {
  readonly listen: StatusAddress;
}

export type StatusAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };
