/** The runner's side of a conversation with a worker, over any pair of byte streams. */
import type { Readable, Writable } from 'node:stream';
import type { Log, OutputSource } from '../logging/log.ts';
import type { Redactor } from '../logging/redactor.ts';
import type { Capability, ErrorReportMessage, RunnerMessage, ShutdownMessage } from './messages.ts';

export interface ConnectionOptions {
  /** What the worker writes. */
  readonly input: Readable;
  /** What the worker reads; errors on it (EPIPE) are survived. */
  readonly output: Writable;
  readonly capabilities: readonly Capability[];
  /** Longest line of text and longest message, in bytes. */
  readonly limits: { readonly lineBytes: number; readonly messageBytes: number };
  /** After this long without hello the worker counts as one without capabilities. */
  readonly helloTimeoutMs: number;
  readonly log: Log;
  readonly redactor: Redactor;
  readonly source?: OutputSource;
  /** A message that the runner must act on. Called off the reading path; must not throw. `log` messages go to the log. */
  onMessage(message: ShutdownMessage | ErrorReportMessage): void;
}

export type Delivery = 'sent' | 'not-capable' | 'closed';

export interface Connection {
  /** Sends a message once the worker has said hello with its capability, or says why it could not be sent. */
  send(message: RunnerMessage): Promise<Delivery>;
  /** Whether hello and welcome agree on a capability; waits for hello or for its timeout. */
  agreed(capability: Capability): Promise<boolean>;
  /** Resolves once the input has ended and all of it was handed to the log. */
  readonly ended: Promise<void>;
  /** Stops reading: what was read so far is logged, the last line too. */
  close(): Promise<void>;
}
