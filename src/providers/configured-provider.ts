import type { StandaloneProviderConfig, StaticProviderConfig } from '../config/runner-config.ts';
import type { Identified } from '../model.ts';
import { workerName } from '../worker-name.ts';
import type { Provider, Registration } from './provider.ts';

/**
 * What the two providers without a cloud share: they know of their machine what the runner config says, and it is
 * somebody's own.
 */
export function configuredProvider(
  config: StandaloneProviderConfig | StaticProviderConfig,
  registration: Registration,
): Provider {
  const identified = configuredIdentity(config);
  const instance = workerName(identified.identity);
  return {
    name: config.providerType,
    identify: () => Promise.resolve({ identified, instance, registration }),
    recognize: kept => Promise.resolve(kept === instance ? 'same' : 'another'),
    noticeSources: [],
    host: () => ({ kind: 'owned' }),
    close: () => undefined,
  };
}

/** Configured location values stand beside `cloud`, and may replace it as in the reference. */
function configuredIdentity(config: StandaloneProviderConfig | StaticProviderConfig): Identified {
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
