/** Weakness 11: unlink, create, write; no rename, no fsync. */
import { textOfState } from '../../../src/state/kept-file.ts';
import { createStateStore as original, type StoreOptions } from '../../../src/state/store.ts';
import type { StateStore } from '../../../src/state/state.ts';

export function createStateStore(options: StoreOptions): StateStore {
  const { path, disk } = options;
  const store = original(options);
  if (path === undefined) return store;
  return {
    ...store,
    async save(state) {
      await disk.remove(path);
      await disk.create(path, textOfState(state));
      await disk.sync(path);
    },
  };
}
