import type { ProviderConfig } from '../config/runner-config.ts';
import { createAwsProvider } from './aws/index.ts';
import { createAzureProvider } from './azure/index.ts';
import { createGoogleProvider } from './google/index.ts';
import type { Provider, ProviderWorld } from './provider.ts';
import { createStandaloneProvider } from './standalone.ts';
import { createStaticProvider } from './static.ts';

/** The registry: one line a provider. A test compares it with this folder and with schemas/. */
export function createProvider(config: ProviderConfig, world: ProviderWorld): Provider {
  switch (config.providerType) {
    case 'aws':
      return createAwsProvider(world);
    case 'azure':
      return createAzureProvider(world);
    case 'google':
      return createGoogleProvider(world);
    case 'standalone':
      return createStandaloneProvider(config);
    case 'static':
      return createStaticProvider(config);
  }
}
