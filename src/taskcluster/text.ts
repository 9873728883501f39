/** Words for log lines and errors: one line each, of a length that people read. */
import type { Redactor } from '../logging/redactor.ts';

const LONGEST_QUOTE = 1000;

/**
 * What somebody else wrote, made fit for one line of ours: no secrets, no line breaks, no control characters, not
 * endless. Secrets go before the text is cut: half a secret would not be found.
 */
export function quote(text: string, redactor: Redactor, longest = LONGEST_QUOTE): string {
  // Control characters could steer the terminal that shows the log.
  const line = redactor
    .redact(text)
    .replace(/[\u0000-\u001f\u007f-\u009f\s]+/g, ' ')
    .trim();
  return line.length > longest ? `${line.slice(0, longest)}…` : line;
}
