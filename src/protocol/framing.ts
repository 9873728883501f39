/**
 * How a message stands on its line: `~{…}` and a newline, with blanks around it and a CR before the newline tolerated.
 */

const TILDE = 0x7e;
const BRACE = 0x7b;

/** What every message begins with; output without it anywhere holds none. */
const MESSAGE_MARK = '~{';

function isBlank(code: number | undefined): boolean {
  return code === 0x20 || code === 0x09;
}

/** One message as it goes over the wire. JSON has no raw newline, so it is one line. */
export function frame(message: object): string {
  return `~${JSON.stringify(message)}\n`;
}

/** Whether a line, in bytes, has `~{` as its first characters that are no blanks. */
export function startsLikeMessage(line: Buffer): boolean {
  let at = 0;
  while (isBlank(line[at])) at += 1;
  return line[at] === TILDE && line[at + 1] === BRACE;
}

export interface LineVisitor {
  /** One or more whole lines that do not look like messages, each with its newline. */
  text(lines: string): void;
  /** A line that looks like a message, with its newline. */
  message(line: string): void;
}

/** Tells text from messages in a run of whole lines, in order. */
export function visitLines(lines: string, visitor: LineVisitor): void {
  let textFrom = 0;
  let from = 0;
  for (;;) {
    const mark = lines.indexOf(MESSAGE_MARK, from);
    if (mark < 0) break;
    const lineStart = lines.lastIndexOf('\n', mark) + 1;
    const lineEnd = lines.indexOf('\n', mark) + 1;
    from = lineEnd;
    if (!isBlankBetween(lines, lineStart, mark)) continue;
    if (lineStart > textFrom) visitor.text(lines.slice(textFrom, lineStart));
    visitor.message(lines.slice(lineStart, lineEnd));
    textFrom = lineEnd;
  }
  if (textFrom < lines.length) visitor.text(textFrom === 0 ? lines : lines.slice(textFrom));
}

function isBlankBetween(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    if (!isBlank(text.charCodeAt(at))) return false;
  }
  return true;
}

/**
 * The JSON of a line that looks like a message: what stands after the `~`. JSON.parse itself tolerates the blanks and
 * the CR after it.
 */
export function jsonOf(line: string): string {
  return line.slice(line.indexOf('~') + 1);
}
