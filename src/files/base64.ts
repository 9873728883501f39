import { refusal } from './faults.ts';

/** Content that was checked and measured, but not yet decoded: a plan holds many of them. */
export interface Base64Content {
  /** Size of the decoded content in bytes. */
  readonly size: number;
  decode(): Buffer;
}

const ADVICE = 'encode it with the standard alphabet and padding, as `base64 file` does';

/**
 * Checks base64 strictly, since Node's decoder skips whatever it does not know: standard alphabet, padding required
 * (its absence mostly means that something was cut off). Blanks and line breaks anywhere are fine. The URL-safe
 * alphabet is refused, as the reference refuses it.
 * @throws RunnerError `files.base64`, which tells the place of the fault and nothing of the content
 */
export function checkBase64(content: string): Base64Content {
  const text = /[ \t\r\n]/.test(content) ? content.replace(/[ \t\r\n]+/g, '') : content;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const wrong = text.search(/[^A-Za-z0-9+/]/);
  if (wrong >= 0 && wrong < text.length - padding) {
    const kind = /[-_]/.test(text.charAt(wrong))
      ? 'the URL-safe alphabet at'
      : 'a character that is no base64 at';
    throw refusal(
      'files.base64',
      `content is not base64: ${kind} position ${wrong + 1}, blanks not counted`,
      ADVICE,
    );
  }
  if (text.length % 4 !== 0) {
    throw refusal(
      'files.base64',
      `content is not base64: its length of ${text.length} characters is no multiple of 4; part of it may be missing`,
      ADVICE,
    );
  }
  return {
    size: (text.length / 4) * 3 - padding,
    decode: () => Buffer.from(text, 'base64'),
  };
}
