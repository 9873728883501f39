/** Weakness 14: what is kept names no instance, so that a baked image makes every machine the same worker. */
import { createStateStore as original, type StoreOptions } from '../../../src/state/store.ts';
import type { StateStore } from '../../../src/state/state.ts';

export function createStateStore(options: StoreOptions): StateStore {
  const store = original(options);
  return {
    ...store,
    load: recognize =>
      store.load(async instance => {
        await recognize(instance);
        return 'same';
      }),
  };
}
