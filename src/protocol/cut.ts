/**
 * Cutting what a worker wrote to a limit, without cutting a secret in two: half a secret is not found by the redactor.
 */
import type { Redactor } from '../logging/redactor.ts';

/** The most bytes of UTF-8 that one UTF-16 code unit can take. */
const BYTES_PER_CHARACTER = 3;

/** A character cut in two at the end of a piece of UTF-8 has at most this many bytes left. */
const BROKEN_CHARACTER_BYTES = 3;

/** How many bytes beyond a cut must be known for `cutHead` to find every secret that reaches into what is left. */
export function bytesBeyondCut(redactor: Redactor): number {
  return redactor.reach * BYTES_PER_CHARACTER + BROKEN_CHARACTER_BYTES;
}

/** The first `maxBytes` bytes of a text in UTF-8, less a character that the cut would break. */
function cutToBytes(text: string, maxBytes: number): string {
  if (text.length * BYTES_PER_CHARACTER <= maxBytes) return text;
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  let end = maxBytes;
  // A byte 10xxxxxx continues a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}

/** The first `maxCharacters` UTF-16 code units of a text, less half a surrogate pair. */
export function cutToCharacters(text: string, maxCharacters: number): string {
  return text.length <= maxCharacters
    ? text.toWellFormed()
    : text
        .slice(0, maxCharacters)
        .replace(/[\ud800-\udbff]$/, '')
        .toWellFormed();
}

/** A line that is known whole, within `maxBytes`, with a note of what was dropped. */
export function cutLine(line: string, maxBytes: number, redactor: Redactor): string {
  if (line.length * BYTES_PER_CHARACTER <= maxBytes) return line;
  const redacted = redactor.redact(line);
  const cut = cutToBytes(redacted, maxBytes);
  return cut === redacted
    ? line
    : `${cut} ${noteOfDropped(Buffer.byteLength(redacted) - Buffer.byteLength(cut))}`;
}

/**
 * An over-long line of which only the beginning was kept, within `maxBytes`, with a note of what was dropped.
 * @param head its first `maxBytes + bytesBeyondCut()` bytes, or all of it where that is less
 * @param length its whole length in bytes
 */
export function cutHead(head: Buffer, length: number, maxBytes: number, redactor: Redactor): string {
  if (head.length === length) return cutLine(head.toString('utf8'), maxBytes, redactor);
  const redacted = redactor.redact(head.toString('utf8'));
  // Redaction may shorten the text so far that the end of `head` comes before the cut, and there a secret may be
  // halved: so much of the end is never shown.
  const whole = redacted.slice(0, Math.max(0, redacted.length - redactor.reach - 1));
  return `${cutToBytes(whole, maxBytes)} ${noteOfDropped(length - maxBytes)}`;
}

function noteOfDropped(bytes: number): string {
  return `[start-worker: ${bytes} more bytes of this line dropped]`;
}
