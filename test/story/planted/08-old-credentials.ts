/**
 * Weakness 8 of the reference: what is kept of a renewal is its secret alone; the next start gives the worker old
 * credentials.
 */
import { createStateStore as original, type StoreOptions } from '../../../src/state/store.ts';
import type { KeptState, StateStore } from '../../../src/state/state.ts';

export function createStateStore(options: StoreOptions): StateStore {
  const store = original(options);
  let first: KeptState['registered'] | undefined;
  return {
    ...store,
    async load(recognize) {
      const kept = await store.load(recognize);
      first = kept?.registered;
      return kept;
    },
    save(state) {
      first ??= state.registered;
      const { credentials } = first;
      return store.save({ ...state, registered: { ...state.registered, credentials } });
    },
  };
}
