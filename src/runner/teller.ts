/** Passes what a run tells on to whoever listens. */
import { messageOf } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import type { Phase, RunEvent, Tell } from '../run-event.ts';

/** A listener that throws is a fault of ours, but none that should end a run: it is told once, and heard no more. */
export function createTeller(listeners: readonly Tell[], log: Pick<Log, 'warn'>): Tell {
  const listening = new Set(listeners);
  let phase: Phase | undefined;

  function pass(event: RunEvent): void {
    for (const listener of listening) {
      try {
        listener(event);
      } catch (error) {
        listening.delete(listener);
        log.warn(`what the run tells is no longer passed on in part: ${messageOf(error)}`);
      }
    }
  }

  return event => {
    // More than one step may see a phase begin.
    if (event.kind === 'phase') {
      if (event.phase === phase) return;
      phase = event.phase;
    }
    pass(event);
  };
}
