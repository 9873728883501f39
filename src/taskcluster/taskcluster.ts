/** The door of the Taskcluster room: the calls that a runner makes, typed, checked and tried again. */
import type { JsonObject } from '../json.ts';
import type { Credentials, Registered, WorkerIdentity } from '../model.ts';
import type { RegistrationPatience } from '../providers/provider.ts';

export interface RegisterRequest {
  readonly identity: WorkerIdentity;
  readonly providerId: string;
  /**
   * Asked for afresh before every attempt: some proofs expire. It has a patience of its own, which is not that of the
   * call; where it rejects, so does the call, with the same error.
   */
  prove(signal: AbortSignal): Promise<JsonObject>;
  readonly patience: RegistrationPatience;
  /** Advice for the error where worker-manager refuses it for good. */
  readonly ifRefused: string;
  readonly systemBootTime?: Date;
}

export interface Renewal {
  readonly credentials: Credentials;
  readonly expiresAt: Date;
  readonly secret: string;
}

export interface WorkerErrorReport {
  readonly kind: string;
  readonly title: string;
  readonly description: string;
  readonly extra: JsonObject;
}

/** What a secret of the secrets service turned out to be. */
export type SecretAnswer =
  | { readonly kind: 'found'; readonly secret: JsonObject }
  | { readonly kind: 'absent'; readonly status: 403 | 404 | 410; readonly message: string };

/** Where a call has less time than at boot. */
export interface CallOptions {
  /** How long it is tried again in total, instead of network.retryFor. The last try is cut to it. */
  readonly retryForMs?: number;
  /** How long one try may take at most, where network.attemptTimeout is longer. */
  readonly attemptTimeoutMs?: number;
  /** Fires where no other try shall begin; one that is under way goes on, as it may have reached the service. */
  readonly noMoreTries?: AbortSignal;
}

/**
 * All methods retry by the policy they were made with, log one line a retry, and throw a RunnerError with exit
 * `refused`, `unreachable`, `untrusted` or `bad-reply`. The signal ends them at once with its reason.
 */
export interface Taskcluster {
  registerWorker(request: RegisterRequest, signal: AbortSignal, options?: CallOptions): Promise<Registered>;
  /** The secret works once: what the service refuses is not tried again, all else is. */
  reregisterWorker(
    identity: WorkerIdentity,
    secret: string,
    signal: AbortSignal,
    options?: CallOptions,
  ): Promise<Renewal>;
  removeWorker(identity: WorkerIdentity, signal: AbortSignal, options?: CallOptions): Promise<void>;
  reportWorkerError(
    identity: WorkerIdentity,
    report: WorkerErrorReport,
    signal: AbortSignal,
    options?: CallOptions,
  ): Promise<void>;
  getSecret(name: string, signal: AbortSignal): Promise<SecretAnswer>;
  /**
   * How far our clock is ahead of worker-manager's, in ms; negative where it is behind. undefined where nothing with a
   * Date answers within 10 s. Throws nothing but the signal's reason.
   */
  clockSkewMs(signal: AbortSignal): Promise<number | undefined>;
  /** The credentials that all later calls but registerWorker are signed with. */
  useCredentials(credentials: Credentials): void;
  /**
   * Opens connections to rootURL that the next calls will use, where it is not behind a proxy. Failures are left to
   * those calls.
   */
  warmUp(connections: number): void;
  /** Ends the calls that are under way and the kept connections. */
  close(): void;
}
