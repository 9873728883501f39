/**
 * The words of the story: what the steps of a run hand to each other. Each value is read-only and is made once, by
 * the step named beside it; a later step adds a value of its own instead of changing an earlier one.
 */
import type { JsonObject } from './json.ts';

/** Taskcluster credentials; `certificate` is the JSON text that temporary credentials carry. */
export interface Credentials {
  readonly clientId: string;
  readonly accessToken: string;
  readonly certificate?: string;
}

/** Who this worker is, as every Taskcluster call names it. `rootUrl` has no slash at its end. */
export interface WorkerIdentity {
  readonly rootUrl: string;
  readonly workerPoolId: string;
  readonly workerGroup: string;
  readonly workerId: string;
}

/** Step 2, identify: what the provider knows of this machine. */
export interface Identified {
  readonly identity: WorkerIdentity;
  /** Fields of TASKCLUSTER_WORKER_LOCATION; `cloud` is always there. */
  readonly location: Readonly<Record<string, string>>;
  /** For debugging; passed on to the worker. */
  readonly metadata: JsonObject;
}

/**
 * What the cloud announces about the end of this machine, in one shape for all clouds. It has an identity, so that it is
 * acted on once; whoever announced it may withdraw it.
 */
export interface Notice {
  /** The same for as long as the cloud shows this notice, and for no other. */
  readonly id: string;
  readonly kind: NoticeKind;
  /** When the machine is taken away, where the cloud says so. */
  readonly deadline?: Date;
  /** The cloud's own words, or which answer of the metadata service says it. */
  readonly reason: string;
  /** Whether there is time to finish the tasks that have begun. */
  readonly finishTasks: boolean;
  /** Tells the cloud that it need wait no longer; where the cloud takes that, and the user wants it. */
  acknowledge?(signal: AbortSignal): Promise<void>;
}

export type NoticeKind =
  'spot-interruption' | 'rebalance' | 'maintenance' | 'terminate' | 'redeploy' | 'reboot';

/** Step 3, register: what worker-manager answered, or what the standalone provider was configured with. */
export interface Registered {
  readonly credentials: Credentials;
  /** When the credentials end; absent where nobody said so (standalone). */
  readonly credentialsExpireAt?: Date;
  /** Works once, for the next re-registration; services before v29 send none. */
  readonly registrationSecret?: string;
  /** The worker pool's `workerConfig`, raw: the provider's source of configuration. */
  readonly providerConfig: JsonObject;
}

/** A file to write before the worker starts. Entries come from provider configuration and from secrets. */
export interface FileEntry {
  readonly path: string;
  readonly content: string;
  readonly encoding: 'base64';
  readonly format: 'file' | 'zip';
  readonly description?: string;
  /** Quoted octal such as "0644". */
  readonly mode?: string;
  /** `user` or `user:group`, POSIX only. */
  readonly owner?: string;
}

/** Step 4, collect: one source of worker configuration, in the order of precedence (later wins). */
export interface ConfigSource {
  /** What a person calls it: `runner config`, `provider`, `secret worker-pool:a/b`. */
  readonly name: string;
  readonly config: JsonObject;
  readonly files: readonly FileEntry[];
  /** Whether it came from the secrets service: then every string of it is secret, and its files are private. */
  readonly secret: boolean;
}

/** Everything that is known before the worker's configuration is rendered. */
export interface Run {
  readonly identified: Identified;
  readonly registered: Registered;
  readonly sources: readonly ConfigSource[];
}
