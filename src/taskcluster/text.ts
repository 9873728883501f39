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

/** A duration for people: `1.2 s`, `45 s`, `9 min 58 s`, `3 h 5 min`. */
export function durationWords(ms: number): string {
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return join(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  if (seconds < 172_800)
    return join(Math.floor(seconds / 3600), 'h', Math.floor((seconds % 3600) / 60), 'min');
  return `${Math.round(seconds / 86_400)} days`;
}

function join(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}
