import type { StaticProviderConfig } from '../config/runner-config.ts';
import { configuredIdentity } from './configured-identity.ts';
import type { Provider } from './provider.ts';

/** A machine that nobody provisions: it proves who it is with the secret that worker-manager knows it by. */
export function createStaticProvider(config: StaticProviderConfig): Provider {
  return {
    name: 'static',
    identify: () => Promise.resolve(configuredIdentity(config)),
    registration: {
      kind: 'register',
      providerId: config.providerID,
      prove: () => Promise.resolve({ staticSecret: config.staticSecret }),
    },
  };
}
