import type { StaticProviderConfig } from '../config/runner-config.ts';
import { configuredProvider } from './configured-provider.ts';
import type { Provider } from './provider.ts';

/** A machine that nobody provisions: it proves who it is with the secret that worker-manager knows it by. */
export function createStaticProvider(config: StaticProviderConfig): Provider {
  return configuredProvider(config, {
    kind: 'register',
    providerId: config.providerID,
    prove: () => Promise.resolve({ staticSecret: config.staticSecret }),
    // Its record is made by hand, long before: who is refused stays refused.
    patience: { unknownWorkerForMs: 0, refusedTries: 1 },
    ifRefused:
      'compare the provider section of the runner config with the worker pool and the worker in worker-manager',
  });
}
