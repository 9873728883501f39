/** Weakness 21: the worker is told of a notice at every look. */
import type { NoticeSource } from '../../../src/providers/provider.ts';
import { type Interruptions, watchInterruptions as original } from '../../../src/runner/interruptions.ts';

export * from '../../../src/runner/interruptions.ts';

export function watchInterruptions(
  sources: readonly NoticeSource[],
  world: Parameters<typeof original>[1],
): Interruptions {
  let looks = 0;
  const forgetful = sources.map(source => ({
    ...source,
    async look(signal: AbortSignal) {
      const notices = await source.look(signal);
      looks += 1;
      return notices.map(notice => ({ ...notice, id: `${notice.id} at look ${looks}` }));
    },
  }));
  return original(forgetful, world);
}
