import type { StandaloneProviderConfig } from '../config/runner-config.ts';
import { configuredIdentity } from './configured-identity.ts';
import type { Provider } from './provider.ts';

/** A worker that has everything in its runner config and never asks worker-manager. */
export function createStandaloneProvider(config: StandaloneProviderConfig): Provider {
  return {
    name: 'standalone',
    identify: () => Promise.resolve(configuredIdentity(config)),
    registration: {
      kind: 'preconfigured',
      registered: {
        credentials: { clientId: config.clientID, accessToken: config.accessToken },
        providerConfig: {},
      },
    },
  };
}
