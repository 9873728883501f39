import type { Writable } from 'node:stream';
import type { Log } from '../logging/log.ts';
import type { Redactor } from '../logging/redactor.ts';
import type { Services } from './services.ts';
import type { Signals } from './signals.ts';

/** What the steps of a run reach the outside through: handed down as an argument, so that a test can hand them another. */
export interface World {
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: Writable;
  readonly log: Log;
  readonly redactor: Redactor;
  readonly signals: Signals;
  readonly services: Services;
}
