/** Reads what a worker writes and hands it to the log: in chunks, in order, with bounded memory and back-pressure. */
import type { Readable } from 'node:stream';
import { messageOf } from '../errors.ts';
import type { Log, OutputItem, OutputSource } from '../logging/log.ts';
import type { Redactor } from '../logging/redactor.ts';
import { bytesBeyondCut, cutHead } from './cut.ts';
import { visitLines } from './framing.ts';
import { createLineSplitter } from './line-splitter.ts';

export interface OutputPumpOptions {
  /** A stream of bytes: no encoding may be set on it. */
  readonly input: Readable;
  readonly source: OutputSource;
  /** The longest line of text in bytes, and the longest message where there are messages. */
  readonly limits: { readonly lineBytes: number; readonly messageBytes?: number };
  readonly log: Log;
  readonly redactor: Redactor;
  /** Takes a line that looks like a message. Absent: all is text. */
  readonly takeMessage?: (line: string) => TakenMessage;
  /** Told how many bytes were read, once the log has what they held. */
  readonly onRead?: (bytes: number) => void;
}

/** What the log shows of a message, or what has to be done once the log has all that came before it. */
export type TakenMessage = OutputItem | (() => void);

export interface OutputPump {
  /** Resolves once the input has ended, or the pump was closed, and all that was read is with the log. */
  readonly ended: Promise<void>;
  /** Stops reading: what was read so far is logged, the last line too. */
  close(): Promise<void>;
}

export function pumpOutput(options: OutputPumpOptions): OutputPump {
  const { input, log, source } = options;
  const batch = createBatch(options, handOn);
  const done = Promise.withResolvers<undefined>();
  let finished = false;

  /** Asked of the log even where the batch is empty: its answer says whether it can take more. */
  function handOn(): void {
    const room = log.output(source, batch.take());
    if (room === undefined || finished) return;
    input.pause();
    room.then(resume, resume);
  }

  function resume(): void {
    if (!finished) input.resume();
  }

  function read(chunk: Buffer): void {
    batch.push(chunk);
    handOn();
    options.onRead?.(chunk.length);
  }

  function finish(): void {
    if (finished) return;
    finished = true;
    input.off('data', read);
    batch.end();
    handOn();
    done.resolve(undefined);
  }

  input.on('data', read);
  input.on('end', finish);
  // A stream that is destroyed emits no end.
  input.on('close', finish);
  input.on('error', error => {
    if (!finished) log.warn(`reading the worker's output failed: ${messageOf(error)}`, { source });
    finish();
  });

  return {
    ended: done.promise,
    close() {
      if (!finished) {
        // Or read() below would emit what it returns.
        input.off('data', read);
        input.pause();
        // What waits in the stream while the log takes no more.
        for (let chunk = readBuffered(input); chunk !== undefined; chunk = readBuffered(input))
          batch.push(chunk);
        finish();
      }
      input.destroy();
      return done.promise;
    },
  };
}

function readBuffered(input: Readable): Buffer | undefined {
  return input.readableLength === 0 ? undefined : ((input.read() as Buffer | null) ?? undefined);
}

interface Batch {
  push(chunk: Buffer): void;
  end(): void;
  /** What has gathered since the last time. */
  take(): readonly OutputItem[];
}

/**
 * Turns bytes into items for the log; text that belongs together becomes one item.
 * @param handOn called where the log must have what has gathered before the next thing happens
 */
function createBatch(options: OutputPumpOptions, handOn: () => void): Batch {
  const { limits, redactor, takeMessage } = options;
  let items: OutputItem[] = [];
  let text = '';

  function addText(more: string): void {
    text += more;
  }

  function flushText(): void {
    if (text === '') return;
    items.push({ kind: 'text', text });
    text = '';
  }

  function add(taken: TakenMessage): void {
    if (typeof taken === 'function') {
      handOn();
      taken();
    } else if (taken.kind === 'text') {
      addText(taken.text);
    } else {
      flushText();
      items.push(taken);
    }
  }

  const splitter = createLineSplitter({
    lineBytes: limits.lineBytes,
    ...(takeMessage === undefined || limits.messageBytes === undefined
      ? {}
      : { messageBytes: limits.messageBytes }),
    beyondBytes: () => bytesBeyondCut(redactor),
    onLines(bytes) {
      // Lines are whole, so no character is cut in two: each newline byte is a newline in UTF-8.
      const lines = withoutCarriageReturns(bytes.toString('utf8'));
      if (takeMessage === undefined) addText(lines);
      else visitLines(lines, { text: addText, message: line => add(takeMessage(line)) });
    },
    onLongLine(head, length) {
      addText(`${cutHead(head, length, limits.lineBytes, redactor)}\n`);
    },
  });

  return {
    push: chunk => splitter.push(chunk),
    end: () => splitter.end(),
    take() {
      flushText();
      const taken = items;
      items = [];
      return taken;
    },
  };
}

/** Lines of Windows programs end in CR LF. */
function withoutCarriageReturns(lines: string): string {
  return lines.includes('\r') ? lines.replaceAll('\r\n', '\n') : lines;
}
