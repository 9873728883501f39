/** The runner's side of a conversation with a worker, over any pair of byte streams. */
import type { Readable, Writable } from 'node:stream';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import type { Redactor } from '../logging/redactor.ts';
import type { Tell } from '../run-event.ts';
import { cutLine } from './cut.ts';
import { createHandshake, type Handshake } from './handshake.ts';
import { readMessage } from './incoming.ts';
import { createOutbox } from './outbox.ts';
import { pumpOutput, type TakenMessage } from './output-pump.ts';
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
  readonly clock: Clock;
  readonly log: Log;
  readonly redactor: Redactor;
  /** Told how many bytes of the worker's output were read. */
  readonly onRead?: (bytes: number) => void;
  /** Told of hello and of each message. */
  readonly tell?: Tell;
  /**
   * A message that the runner must act on; the log has all that came before it. Must not throw, nor take long: nothing
   * is read meanwhile. `log` messages go to the log.
   */
  onMessage(message: ShutdownMessage | ErrorReportMessage): void;
}

export type Delivery = 'sent' | 'not-capable' | 'closed';

export interface Connection {
  /** Sends a message once the worker has said hello with its capability, or says why it could not be sent. */
  send(message: RunnerMessage): Promise<Delivery>;
  /** Whether hello and welcome agree on a capability; waits for hello or for its timeout. */
  agreed(capability: Capability): Promise<boolean>;
  /** Resolves once hello and welcome agree on a capability, also where hello is late; never where they do not. */
  able(capability: Capability): Promise<void>;
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
  const { log, tell = () => undefined } = options;
  const outbox = createOutbox(options.output);
  const handshake = createHandshake({ ...options, tell });
  const takeMessage = createInbox({ ...options, tell }, handshake);
  const pump = pumpOutput({
    input: options.input,
    source: 'worker',
    limits: options.limits,
    log,
    redactor: options.redactor,
    takeMessage,
    ...(options.onRead === undefined ? {} : { onRead: options.onRead }),
  });
  // Without output, no hello can come.
  const ended = pump.ended.then(() => handshake.end());
  void deliver({ type: 'welcome', capabilities: options.capabilities });

  async function deliver(message: Parameters<typeof outbox.write>[0]): Promise<boolean> {
    const arrived = await outbox.write(message);
    if (arrived) tell({ kind: 'message', direction: 'to-worker', type: message.type });
    return arrived;
  }

  return {
    async send(message) {
      await handshake.settled;
      if (!handshake.agreed(message.type)) return 'not-capable';
      if (await deliver(message)) return 'sent';
      log.warn(`${message.type} did not reach the worker: it closed its stdin, or does not read it`);
      return 'closed';
    },
    async agreed(capability) {
      await handshake.settled;
      return handshake.agreed(capability);
    },
    async able(capability) {
      await handshake.greeting;
      if (!handshake.agreed(capability)) await new Promise<never>(() => undefined);
    },
    ended,
    async close() {
      await pump.close();
      await ended;
      outbox.close();
    },
  };
}

/** Takes lines that look like messages. What is done about one is done when the log has all that came before it. */
function createInbox(
  options: ConnectionOptions & { readonly tell: Tell },
  handshake: Handshake,
): (line: string) => TakenMessage {
  const { limits, log, redactor, tell } = options;
  let shutdownAsked = false;

  function objection(type: WorkerMessage['type'] | 'hello'): string | undefined {
    if (type === 'hello') return handshake.greeted ? 'hello was said before' : undefined;
    if (!handshake.greeted) return 'it came before hello';
    if (!handshake.agreed(type)) return `${type} is not among the capabilities of both hello and welcome`;
    return type === 'shutdown' && shutdownAsked ? 'shutdown was asked for before' : undefined;
  }

  /** Logged as it came, with the reason on the same line. */
  function refused(line: string, reason: string): TakenMessage {
    const came = cutLine(line.trimEnd(), limits.lineBytes, redactor);
    return { kind: 'text', text: `${came} [start-worker: not taken as a message: ${reason}]\n` };
  }

  function handle(message: ShutdownMessage | ErrorReportMessage): void {
    try {
      options.onMessage(message);
    } catch (error) {
      log.error(`handling the worker's ${message.type} failed: ${messageOf(error)}`);
    }
  }

  return line => {
    if (line.length > limits.messageBytes) return refused(line, 'it is longer than limits.message');
    const message = readMessage(line, objection);
    if (message.type !== 'refused') tell({ kind: 'message', direction: 'from-worker', type: message.type });
    switch (message.type) {
      case 'refused':
        return refused(line, message.reason);
      case 'log':
        return { kind: 'log', body: message.body };
      case 'hello':
        return () => handshake.hello(message.capabilities);
      case 'shutdown':
        shutdownAsked = true;
        return () => handle(message);
      case 'error-report':
        return () => handle(publicReport(message, redactor));
    }
  };
}
