/**
 * Cuts a stream of bytes into lines with bounded memory. Works on whole chunks: what it hands on are runs of lines,
 * not single lines, since a worker may write a million of them a second.
 */
import { startsLikeMessage } from './framing.ts';

const NEWLINE = 0x0a;
const LINE_END = Buffer.of(NEWLINE);

/**
 * A carry buffer larger than this is let go once a line came that did not need it. Not at once: of buffers for message
 * after message, a hundred MiB gathers before V8 looks.
 */
const KEPT_CAPACITY = 256 * 1024;

export interface LineSplitterOptions {
  /** The longest line of text in bytes, its newline not counted. */
  readonly lineBytes: number;
  /** The longest line that looks like a message; absent: such lines are text like any other. */
  readonly messageBytes?: number;
  /** How many bytes of an over-long line are needed beyond lineBytes; it may grow. */
  readonly beyondBytes?: () => number;
  /** One or more whole lines, each with its newline. The bytes are valid during the call only. */
  onLines(bytes: Buffer): void;
  /**
   * A line that is longer than its limit. The bytes are valid during the call only.
   * @param head its first lineBytes + beyondBytes, or all of it where that is less
   * @param length its whole length in bytes, without the newline
   */
  onLongLine(head: Buffer, length: number): void;
}

export interface LineSplitter {
  push(chunk: Buffer): void;
  /** The input has ended: a last line without newline is handed on as if it had one. */
  end(): void;
}

export function createLineSplitter(options: LineSplitterOptions): LineSplitter {
  const { lineBytes } = options;
  const messageBytes = Math.max(lineBytes, options.messageBytes ?? 0);
  /** The beginning of a line whose newline has not come yet. */
  let carry = Buffer.allocUnsafeSlow(0);
  let carried = 0;
  /** Whether that line is over its limit: then only its head is kept, and the rest is counted. */
  let overlong = false;
  let dropped = 0;

  function headBytes(): number {
    return lineBytes + (options.beyondBytes?.() ?? 0);
  }

  function limitOf(line: Buffer): number {
    return messageBytes > lineBytes && startsLikeMessage(line) ? messageBytes : lineBytes;
  }

  /** Adds bytes of the unfinished line: all of them while it is within its limit, then what its head still lacks. */
  function keep(bytes: Buffer): void {
    const wanted = overlong ? Math.min(bytes.length, Math.max(0, headBytes() - carried)) : bytes.length;
    append(bytes, wanted);
    dropped += bytes.length - wanted;
    if (overlong || carried <= lineBytes) return;
    if (carried <= limitOf(carry.subarray(0, carried))) return;
    overlong = true;
    const head = Math.min(carried, headBytes());
    dropped = carried - head;
    carried = head;
  }

  function append(bytes: Buffer, length: number): void {
    if (carried + length > carry.length) {
      const doubled = Math.min(Math.max(2 * carry.length, 1024), messageBytes + 1);
      const larger = Buffer.allocUnsafeSlow(Math.max(carried + length, doubled));
      carry.copy(larger, 0, 0, carried);
      carry = larger;
    }
    bytes.copy(carry, carried, 0, length);
    carried += length;
  }

  /** The unfinished line has got its newline. */
  function finishLine(): void {
    if (overlong) {
      options.onLongLine(carry.subarray(0, carried), carried + dropped);
    } else {
      append(LINE_END, 1);
      options.onLines(carry.subarray(0, carried));
    }
    const fitsSmaller = !overlong && carried <= KEPT_CAPACITY;
    if (fitsSmaller && carry.length > KEPT_CAPACITY) carry = Buffer.allocUnsafeSlow(0);
    carried = 0;
    dropped = 0;
    overlong = false;
  }

  function handOn(lines: Buffer): void {
    let from = 0;
    let handedOn = 0;
    // Only where a longer line is possible; then one step per lineBytes, not per line.
    while (lines.length - from > lineBytes + 1) {
      const lastWithin = lines.lastIndexOf(NEWLINE, from + lineBytes);
      if (lastWithin >= from) {
        from = lastWithin + 1;
        continue;
      }
      const end = lines.indexOf(NEWLINE, from);
      const line = lines.subarray(from, end);
      if (line.length > limitOf(line)) {
        if (from > handedOn) options.onLines(lines.subarray(handedOn, from));
        options.onLongLine(line.subarray(0, headBytes()), line.length);
        handedOn = end + 1;
      }
      from = end + 1;
    }
    if (lines.length > handedOn) options.onLines(lines.subarray(handedOn));
  }

  return {
    push(chunk) {
      const last = chunk.lastIndexOf(NEWLINE);
      if (last < 0) {
        keep(chunk);
        return;
      }
      let start = 0;
      if (carried > 0 || overlong) {
        const first = chunk.indexOf(NEWLINE);
        keep(chunk.subarray(0, first));
        finishLine();
        start = first + 1;
      }
      if (start <= last) handOn(chunk.subarray(start, last + 1));
      if (last + 1 < chunk.length) keep(chunk.subarray(last + 1));
    },
    end() {
      if (carried > 0 || overlong) finishLine();
    },
  };
}
