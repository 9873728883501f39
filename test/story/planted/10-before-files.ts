/** Weakness 10: what is kept counts as finished before the files are written. */
import { createStateStore as original, type StoreOptions } from '../../../src/state/store.ts';
import type { StateStore } from '../../../src/state/state.ts';

export function createStateStore(options: StoreOptions): StateStore {
  const store = original(options);
  return { ...store, save: state => store.save({ ...state, phase: 'ready' }) };
}
