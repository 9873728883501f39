/** The runner's side of a conversation with a worker, over any pair of byte streams. */
import type { Readable, Writable } from 'node:stream';
import { messageOf } from '../errors.ts';
import type { Log, OutputItem, OutputSource } from '../logging/log.ts';
import type { Redactor } from '../logging/redactor.ts';
import { cutLine } from './cut.ts';
import { createHandshake, type Handshake } from './handshake.ts';
import { readMessage } from './incoming.ts';
import { createOutbox } from './outbox.ts';
import { pumpOutput } from './output-pump.ts';
import { publicReport } from './public-report.ts';
import type {
  Capability,
  ErrorReportMessage,
  RunnerMessage,
  ShutdownMessage,
  WorkerMessage,
} from './messages.ts';

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

/**
 * Begins a conversation: welcome is sent at once, and the worker's output is read until it ends or `close()` is called.
 * Nothing that the worker writes, or fails to read, makes any of this reject.
 */
export function createConnection(options: ConnectionOptions): Connection {
  const { log } = options;
  const outbox = createOutbox(options.output);
  const handshake = createHandshake(options);
  const inbox = createInbox(options, handshake);
  const pump = pumpOutput({
    input: options.input,
    source: options.source ?? 'worker',
    limits: options.limits,
    log,
    redactor: options.redactor,
    takeMessage: line => inbox.take(line),
    afterChunk: () => inbox.deliver(),
  });
  // Without output, no hello can come.
  const ended = pump.ended.then(() => handshake.end());
  void outbox.write({ type: 'welcome', capabilities: options.capabilities });

  return {
    async send(message) {
      await handshake.settled;
      if (!handshake.agreed(message.type)) return 'not-capable';
      if (await outbox.write(message)) return 'sent';
      log.warn(`${message.type} did not reach the worker: it closed its stdin, or does not read it`);
      return 'closed';
    },
    async agreed(capability) {
      await handshake.settled;
      return handshake.agreed(capability);
    },
    ended,
    async close() {
      await pump.close();
      await ended;
      outbox.close();
    },
  };
}

interface Inbox {
  /** Takes a line that looks like a message, and gives what the log shows of it. */
  take(line: string): OutputItem | undefined;
  /** Calls the handler for what was taken since the last time, once the log has what came before it. */
  deliver(): void;
}

function createInbox(options: ConnectionOptions, handshake: Handshake): Inbox {
  const { limits, log, redactor } = options;
  let waiting: (ShutdownMessage | ErrorReportMessage)[] = [];
  let shutdownAsked = false;

  function objection(type: WorkerMessage['type'] | 'hello'): string | undefined {
    if (type === 'hello') return handshake.greeted ? 'hello was said before' : undefined;
    if (!handshake.greeted) return 'it came before hello';
    if (!handshake.agreed(type)) return `${type} is not among the capabilities of both hello and welcome`;
    return type === 'shutdown' && shutdownAsked ? 'shutdown was asked for before' : undefined;
  }

  /** Logged as it came, with the reason on the same line. */
  function refused(line: string, reason: string): OutputItem {
    const came = cutLine(line.trimEnd(), limits.lineBytes, redactor);
    return { kind: 'text', text: `${came} [start-worker: not taken as a message: ${reason}]\n` };
  }

  return {
    take(line) {
      if (line.length > limits.messageBytes) return refused(line, 'it is longer than limits.message');
      const message = readMessage(line, objection);
      switch (message.type) {
        case 'refused':
          return refused(line, message.reason);
        case 'log':
          return { kind: 'log', body: message.body };
        case 'hello':
          handshake.hello(message.capabilities);
          return undefined;
        case 'shutdown':
          shutdownAsked = true;
          waiting.push(message);
          return undefined;
        case 'error-report':
          waiting.push(publicReport(message, redactor));
          return undefined;
      }
    },
    deliver() {
      if (waiting.length === 0) return;
      const messages = waiting;
      waiting = [];
      for (const message of messages) {
        try {
          options.onMessage(message);
        } catch (error) {
          log.error(`handling the worker's ${message.type} failed: ${messageOf(error)}`);
        }
      }
    },
  };
}
