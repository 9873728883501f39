/** What the runner writes to the worker. It survives a worker that closed its stdin, and one that never reads it. */
import type { Writable } from 'node:stream';
import { frame } from './framing.ts';
import type { RunnerMessage, WelcomeMessage } from './messages.ts';

/** Beyond what the pipe itself holds (64 KiB on Linux), a worker that does not read has this much waiting for it. */
const MAX_WAITING_BYTES = 64 * 1024;

export interface Outbox {
  /**
   * Resolves with true once the message is in the pipe, and with false where it can't get there: the worker closed its
   * end, too much waits unread, or the outbox was closed.
   */
  write(message: RunnerMessage | WelcomeMessage): Promise<boolean>;
  close(): void;
}

export function createOutbox(output: Writable): Outbox {
  // EPIPE, or ECONNRESET. The write's callback tells of it; without a listener the event would end the process.
  output.on('error', () => undefined);
  // A stream that is destroyed need not call back for the write that is under way. Where it does, that counts: a worker
  // may read the message and exit before we have heard that it is in the pipe.
  const gone = new Promise<false>(resolve => {
    output.on('close', () => setImmediate(() => resolve(false)));
  });

  return {
    write(message) {
      const line = frame(message);
      if (!output.writable || output.writableLength + line.length > MAX_WAITING_BYTES)
        return Promise.resolve(false);
      const written = new Promise<boolean>(resolve => {
        output.write(line, error => {
          resolve(error === null || error === undefined);
        });
      });
      return Promise.race([written, gone]);
    },
    close() {
      // Not end(): that would wait for a worker that does not read. Writes that wait fail now.
      output.destroy();
    },
  };
}
