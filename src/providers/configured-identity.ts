import type { StandaloneProviderConfig, StaticProviderConfig } from '../config/runner-config.ts';
import type { Identified } from '../model.ts';

/**
 * What the two providers without a cloud know of their machine: what the runner config says.
 * Configured location values stand beside `cloud`, and may replace it as in the reference.
 */
export function configuredIdentity(config: StandaloneProviderConfig | StaticProviderConfig): Identified {
  return {
    identity: {
      rootUrl: config.rootURL,
      workerPoolId: config.workerPoolID,
      workerGroup: config.workerGroup,
      workerId: config.workerID,
    },
    location: { cloud: config.providerType, ...config.workerLocation },
    metadata: config.providerMetadata ?? {},
  };
}
