/**
 * Reads what a metadata service answered. The errors name the URL, what was expected and the likely cause, and never a
 * value of the reply.
 */
import { RunnerError } from '../errors.ts';
import { complaints, describeComplaints, type Validator } from '../validator.ts';
import { UNREADABLE } from './failure.ts';
import type { MetadataReply } from './metadata.ts';

export interface Expected {
  /** What the value is, for the sentence: `the instance identity document`. */
  readonly what: string;
  /** What to do where it is not there or has another shape. */
  readonly advice?: string;
}

const NOT_A_CLOUD =
  'something else than the metadata service answers at this address: a captive portal, a proxy, or another cloud';

/** Where the services differ by cloud, a wrong answer means a wrong cloud. */
const NOT_THIS_CLOUD =
  'look at what answers there: this machine may be on another cloud (see provider.providerType)';

const TURNED_OFF =
  'access to the metadata service may be turned off for this machine, or it is on another cloud (see provider.providerType)';

/**
 * The reply's JSON, of the shape that the validator knows.
 * @throws RunnerError `metadata.missing` (404), `metadata.refused` (another status), `metadata.unreadable` (no JSON; a
 * client's `read` tries again), `metadata.wrong-shape`
 */
export function jsonOf<T>(reply: MetadataReply, validator: Validator<T>, expected: Expected): T {
  return shaped(reply, jsonValueOf(reply, expected), validator, expected);
}

/** The reply's JSON, whatever its shape. */
export function jsonValueOf(reply: MetadataReply, expected: Expected): unknown {
  const text = textOf(reply, expected);
  try {
    return JSON.parse(text);
  } catch {
    // Not the parser's own words: they quote the text.
    const complaint = endsEarly(text) ? 'it ends early (truncated JSON)' : 'it is not JSON';
    throw unreadable(reply, expected, complaint, expected.advice);
  }
}

/** What jsonValueOf gave, if it has the right shape. */
export function shaped<T>(
  reply: MetadataReply,
  value: unknown,
  validator: Validator<T>,
  expected: Expected,
): T {
  if (validator(value)) return value;
  throw wrongShape(reply, expected, describeComplaints(complaints(validator, value)));
}

/** The reply's text as it is; only what cannot be the value (HTML, nothing) is refused. */
export function textOf(reply: MetadataReply, expected: Expected): string {
  const text = optionalTextOf(reply, expected);
  if (text !== undefined) return text;
  const complaint = reply.status === 404 ? 'there is no such value (404)' : 'it is empty';
  throw failed('metadata.missing', reply, expected, complaint);
}

/** The same, for what not every machine has: undefined where there is no such value (404) or it is empty. */
export function optionalTextOf(reply: MetadataReply, expected: Expected): string | undefined {
  if (isHtml(reply)) throw unreadable(reply, expected, `the answer (${reply.status}) is HTML`, NOT_A_CLOUD);
  if (reply.status === 404) return undefined;
  if (reply.status !== 200) {
    throw failed(
      'metadata.refused',
      reply,
      { ...expected, advice: TURNED_OFF },
      `the answer is ${reply.status}`,
    );
  }
  return reply.text.trim() === '' ? undefined : reply.text;
}

/**
 * A name, path or address that not every machine has.
 * @throws RunnerError as optionalTextOf; `metadata.wrong-shape` where it is more than one word
 */
export function optionalWordOf(reply: MetadataReply): string | undefined {
  const expected = { what: 'a name or an address' };
  const text = optionalTextOf(reply, expected)?.trim();
  if (text === undefined || /^[\w.:/@+-]{1,1024}$/.test(text)) return text;
  throw wrongShape(reply, expected, 'it gives other text');
}

/** @param complaint what is wrong with it: never the value itself */
export function wrongShape(reply: MetadataReply, expected: Expected, complaint: string): RunnerError {
  return failed('metadata.wrong-shape', reply, expected, complaint);
}

function isHtml(reply: MetadataReply): boolean {
  const type = reply.headers['content-type'] ?? '';
  // Services give their errors as HTML too, and some mislabel plain values.
  return (
    reply.status < 400 &&
    (/^\s*<(!doctype|html|head|body)/i.test(reply.text) ||
      (type.startsWith('text/html') && /^\s*</.test(reply.text)))
  );
}

function endsEarly(text: string): boolean {
  const trimmed = text.trim();
  return (
    (trimmed.startsWith('{') && !trimmed.endsWith('}')) || (trimmed.startsWith('[') && !trimmed.endsWith(']'))
  );
}

function unreadable(
  reply: MetadataReply,
  expected: Expected,
  complaint: string,
  advice = NOT_A_CLOUD,
): RunnerError {
  return failed(UNREADABLE, reply, { ...expected, advice }, complaint);
}

function failed(
  code: string,
  reply: MetadataReply,
  { what, advice = NOT_THIS_CLOUD }: Expected,
  complaint: string,
): RunnerError {
  return new RunnerError(code, `${reply.url} should give ${what}, but ${complaint}`, {
    exit: 'metadata',
    advice,
  });
}
