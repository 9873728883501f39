import type { StandaloneProviderConfig } from '../config/runner-config.ts';
import { configuredProvider } from './configured-provider.ts';
import type { Provider } from './provider.ts';

/** A worker that has everything in its runner config and never asks worker-manager. */
export function createStandaloneProvider(config: StandaloneProviderConfig): Provider {
  return configuredProvider(config, {
    kind: 'preconfigured',
    registered: {
      credentials: { clientId: config.clientID, accessToken: config.accessToken },
      providerConfig: {},
    },
  });
}
