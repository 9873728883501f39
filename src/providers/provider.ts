import type { Clock } from '../clock.ts';
import type { InterruptionSettings, MetadataSettings } from '../config/runner-config.ts';
import type { JsonObject } from '../json.ts';
import type { Log } from '../logging/log.ts';
import type { Identified, Notice, Registered } from '../model.ts';
import type { Recognition } from '../state/state.ts';

/**
 * Where a machine comes from. A provider knows its cloud (or its section of the runner config) and nothing of
 * Taskcluster calls or of the protocol.
 */
export interface Provider {
  /** The `providerType` of the runner config. */
  readonly name: string;
  /** @throws RunnerError with exit `metadata`; the signal's reason as soon as it fires */
  identify(signal: AbortSignal): Promise<Identification>;
  /**
   * Whether this machine is the instance that an earlier start was, by the quickest way to know it; the caller's patience
   * is in the signal, and `unknown` is the answer where it fires or nobody answers. Never rejects. After `same` the
   * machine counts as the worker that it was.
   */
  recognize(instance: string, signal: AbortSignal): Promise<Recognition>;
  /** Where the cloud announces the end of this machine; empty where nobody does. */
  readonly noticeSources: readonly NoticeSource[];
  /** Whose machine this is. Asked at the end of a run, also where identify() failed or was never called. */
  host(): Host;
  /** Ends kept connections, so that the process can end. */
  close(): void;
}

export interface Identification {
  readonly identified: Identified;
  /**
   * What tells this machine from a copy of its disk: a cloud's id of the instance, or who the runner config says it is.
   */
  readonly instance: string;
  readonly registration: Registration;
}

export type Registration =
  | { readonly kind: 'preconfigured'; readonly registered: Registered }
  | {
      readonly kind: 'register';
      /** The worker-manager provider's id, for registerWorker. */
      readonly providerId: string;
      /** A fresh identity proof, as worker-manager checks it (facts: identity proofs). Asked for before each attempt. */
      prove(signal: AbortSignal): Promise<JsonObject>;
      readonly patience: RegistrationPatience;
      /** What to do where worker-manager refuses it for good. */
      readonly ifRefused: string;
    };

/** Which refusals of registerWorker may be gone in a moment. */
export interface RegistrationPatience {
  /** How long 404 is tried again: a cloud's worker may boot before worker-manager has written its record. */
  readonly unknownWorkerForMs: number;
  /**
   * How often at most 400 is tried, each time with a new proof: Azure's may fail on the service's side. 1: never again.
   */
  readonly refusedTries: number;
}

/** Whether a machine may be taken away with its worker. */
export type Host =
  /** Somebody's own: never removed, and halted only where the user said so. */
  | { readonly kind: 'owned' }
  /** A cloud's, provisioned for its worker. Halted only where it is certain that it is one: `mayHalt` says why not. */
  | { readonly kind: 'provisioned'; readonly mayHalt: true }
  | { readonly kind: 'provisioned'; readonly mayHalt: false; readonly because: string };

/** One place where a cloud announces the end of a machine. */
export interface NoticeSource {
  /** For the log: `spot interruptions`. */
  readonly name: string;
  /** Between the end of one look and the next; 0 where `look` itself waits for a change. */
  readonly everyMs: number;
  /** Whether the first look is answered at once, so that a boot may wait for it. Azure's may take two minutes. */
  readonly prompt: boolean;
  /**
   * What stands against this machine now; bounded in time by the source itself. Each look repeats what still stands.
   * @throws where the metadata service does not answer as it should; the signal's reason
   */
  look(signal: AbortSignal): Promise<readonly Notice[]>;
}

/** What providers reach the outside through. */
export interface ProviderWorld {
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  readonly log: Log;
  readonly metadata: MetadataSettings;
  readonly interruptions: InterruptionSettings;
}
