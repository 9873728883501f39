import type { Writable } from 'node:stream';
import type { Clock } from '../clock.ts';
import type { Log } from '../logging/log.ts';
import type { Redactor } from '../logging/redactor.ts';
import type { Tell } from '../run-event.ts';
import type { Services } from './services.ts';
import type { Signals } from './signals.ts';
import type { System } from './system.ts';

/**
 * What the steps of a run reach the outside through: handed down as an argument, so that a test can hand them another.
 */
export interface World {
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: Writable;
  readonly clock: Clock;
  readonly log: Log;
  readonly redactor: Redactor;
  readonly signals: Signals;
  /** Fires where a fault of our own was thrown into the void: the run is over, and its worker must not outlive it. */
  readonly fault: AbortSignal;
  readonly services: Services;
  readonly system: System;
  /** Says what goes on, for whoever looks into the run; never throws. */
  readonly tell: Tell;
}
