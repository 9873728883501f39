import type { ProviderConfig } from '../config/runner-config.ts';
import type { Provider } from './provider.ts';
import { createStandaloneProvider } from './standalone.ts';
import { createStaticProvider } from './static.ts';

/** The registry: one line a provider. A test compares it with this folder and with schemas/. */
export function createProvider(config: ProviderConfig): Provider {
  switch (config.providerType) {
    case 'standalone':
      return createStandaloneProvider(config);
    case 'static':
      return createStaticProvider(config);
  }
}
