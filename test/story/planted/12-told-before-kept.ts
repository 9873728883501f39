/** Weakness 12: a renewal is handed on before it is kept. */
import { createStateStore as original, type StoreOptions } from '../../../src/state/store.ts';
import type { StateStore } from '../../../src/state/state.ts';

export function createStateStore(options: StoreOptions): StateStore {
  const store = original(options);
  let finished = false;
  return {
    ...store,
    async load(recognize) {
      const kept = await store.load(recognize);
      finished = kept?.phase === 'ready';
      return kept;
    },
    async save(state) {
      const saving = store.save(state);
      if (finished) saving.catch(() => undefined);
      else await saving;
      finished = state.phase === 'ready';
    },
  };
}
