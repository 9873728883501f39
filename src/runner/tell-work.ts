/** What a run tells of the phases that its worker goes through. */
import type { RunEvent, Tell } from '../run-event.ts';
import type { World } from './world.ts';

export interface WorkTeller {
  /** What the conversation with the worker has to tell. */
  readonly tell: Tell;
  started(pid: number): void;
  /** The worker has said hello, or is waited for no longer. */
  greeted(): void;
  ended(): void;
}

/** A worker that was asked to end drains, whoever asked; one that was asked before it said hello never simply runs. */
export function createWorkTeller({ signals, tell }: Pick<World, 'signals' | 'tell'>): WorkTeller {
  let drains = false;
  let over = false;

  function drain(): void {
    if (drains || over) return;
    drains = true;
    tell({ kind: 'phase', phase: 'draining' });
  }

  tell({ kind: 'phase', phase: 'starting the worker' });
  return {
    tell(event) {
      tell(event);
      if (asksToEnd(event)) drain();
    },
    started(pid) {
      tell({ kind: 'worker-started', pid });
      if (signals.asked.aborted) drain();
      else signals.asked.addEventListener('abort', drain, { once: true });
    },
    greeted() {
      if (!drains && !over) tell({ kind: 'phase', phase: 'running' });
    },
    ended() {
      over = true;
      tell({ kind: 'phase', phase: 'ending' });
    },
  };
}

function asksToEnd(event: RunEvent): boolean {
  return event.kind === 'message' && event.direction === 'to-worker' && event.type === 'graceful-termination';
}
