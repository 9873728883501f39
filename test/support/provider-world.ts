/** What a provider reaches the outside through, with nothing of the environment of whoever runs the tests. */
import { systemClock } from '../../src/clock.ts';
import type { ProviderWorld } from '../../src/providers/provider.ts';
import { createMemoryLog } from './memory-log.ts';

export function providerWorld(world: Partial<ProviderWorld> = {}): ProviderWorld {
  return {
    env: {},
    clock: systemClock,
    log: createMemoryLog(),
    metadata: { giveUpAfterMs: 20_000 },
    interruptions: { pollMs: undefined, rebalance: false, maintenance: false, acknowledge: false },
    ...world,
  };
}
