import type { JsonObject } from '../json.ts';
import type { Identified, Registered } from '../model.ts';

/**
 * Where a machine comes from. A provider knows its cloud (or its section of the runner config) and nothing of
 * Taskcluster calls or of the protocol.
 */
export interface Provider {
  /** The `providerType` of the runner config. */
  readonly name: string;
  identify(signal: AbortSignal): Promise<Identified>;
  /** How the machine registers, or the credentials that it was configured with. */
  readonly registration: Registration;
}

export type Registration =
  | { readonly kind: 'preconfigured'; readonly registered: Registered }
  | {
      readonly kind: 'register';
      /** The worker-manager provider's id, for registerWorker. Known only after identify() on some clouds. */
      readonly providerId: string;
      /** A fresh identity proof, as worker-manager checks it (facts: identity proofs). Asked for before each attempt. */
      prove(signal: AbortSignal): Promise<JsonObject>;
    };
