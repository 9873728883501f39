/** How calls leave the machine: one object, so that a test may put services of its own behind the calls. */
import { type Clock, systemClock } from '../clock.ts';
import { makeClients } from './clients.ts';
import { clockSkewMs } from './clock-skew.ts';
import { createConnections } from './connections.ts';

export interface Transport {
  readonly createConnections: typeof createConnections;
  readonly makeClients: typeof makeClients;
  readonly clockSkewMs: typeof clockSkewMs;
  /** What a single try is timed by. Only together with the network: a test may own the waits between tries alone. */
  readonly clock: Clock;
}

export const network: Transport = { createConnections, makeClients, clockSkewMs, clock: systemClock };
