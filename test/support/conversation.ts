/** A connection of the runner whose worker is the test itself: it writes to `worker.stdout` and reads `worker.stdin`. */
import { PassThrough } from 'node:stream';
import type { TestContext } from 'node:test';
import { systemClock } from '../../src/clock.ts';
import type { Redactor } from '../../src/logging/redactor.ts';
import { createConnection, type Connection, type ConnectionOptions } from '../../src/protocol/connection.ts';
import { CAPABILITIES, type ErrorReportMessage, type ShutdownMessage } from '../../src/protocol/messages.ts';
import { createMemoryLog, type MemoryLog } from './memory-log.ts';

export interface Conversation {
  readonly log: MemoryLog;
  readonly stdout: PassThrough;
  readonly stdin: PassThrough;
  readonly connection: Connection;
  /** What the runner was asked to act on. */
  readonly handled: (ShutdownMessage | ErrorReportMessage)[];
  /** Ends the worker's output and gives all that the log has of it. */
  readonly finish: () => Promise<string>;
}

export function converse(t: TestContext, options: Partial<ConnectionOptions> = {}): Conversation {
  const log = createMemoryLog();
  const stdout = new PassThrough();
  const stdin = new PassThrough();
  const handled: (ShutdownMessage | ErrorReportMessage)[] = [];
  const connection = createConnection({
    input: stdout,
    output: stdin,
    capabilities: CAPABILITIES,
    limits: { lineBytes: 1024, messageBytes: 4096 },
    helloTimeoutMs: 60_000,
    clock: systemClock,
    log,
    redactor: redactorOf(),
    onMessage: message => void handled.push(message),
    ...options,
  });
  t.after(() => connection.close());
  return {
    log,
    stdout,
    stdin,
    connection,
    handled,
    async finish() {
      stdout.end();
      await connection.ended;
      return log.textOf('worker');
    },
  };
}

export const HELLO = `~{"type":"hello","capabilities":${JSON.stringify(CAPABILITIES)}}\n`;

/** Replaces these values, and knows no other forms of them. */
export function redactorOf(...secrets: readonly string[]): Redactor {
  return {
    add: () => undefined,
    redact: text => secrets.reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text),
    reach: Math.max(0, ...secrets.map(secret => secret.length)),
  };
}
