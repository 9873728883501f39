/** What is well-formed and yet cannot be: rules that a JSON Schema cannot hold. */
import { isIP } from 'node:net';
import { isJsonObject } from '../json.ts';
import { found } from './describe.ts';
import type { Mistake } from './mistakes.ts';
import { pointerTo, valueOffset, type Places } from './places.ts';
import { defaultsOf, partOf, schemaAt, valueKind } from './schemas.ts';
import { parseDuration, parseSize } from './units.ts';
import { valueAt } from './value-at.ts';

/** A Node timer's longest delay is 2^31 - 1 ms (24.8 days); a longer one fires at once. */
const LONGEST_DURATION_MS = 24 * 86_400_000;
/** V8's longest string is about 512 MiB; a line and a message have to be one. */
const LONGEST_TEXT_BYTES = 256 * 1024 ** 2;
/** More often is a burden for the metadata service, which answers with 429 then. */
const SHORTEST_POLL_MS = 100;
const POLL = '/interruptions/poll';
const TEXT_LIMITS = ['/limits/line', '/limits/message'];
/** The address of a Unix socket has room for 108 bytes, on some systems for 104, with a NUL at the end. */
const LONGEST_SOCKET_PATH_BYTES = process.platform === 'linux' ? 107 : 103;

/** Looks at every value that has a schema of its own; of those of the wrong shape the schema tells. */
export function impossibleValues(config: unknown, places: Places): Mistake[] {
  const mistakes: Mistake[] = [];
  look(config, []);
  return [...mistakes, ...lateRenewal(config, places)];

  function look(value: unknown, segments: readonly string[]): void {
    const schema = schemaAt(config, segments);
    if (schema === undefined) return;
    if (isJsonObject(value)) {
      for (const [key, inner] of Object.entries(value)) look(inner, [...segments, key]);
    }
    if (typeof value !== 'string') return;
    const pointer = segments.reduce<string>(pointerTo, '');
    const text = trouble(valueKind(schema), pointer, value);
    if (text === undefined) return;
    mistakes.push({ offset: valueOffset(places, pointer), text: `${segments.join('.')} ${text}` });
  }
}

function trouble(kind: string | undefined, pointer: string, value: string): string | undefined {
  if (kind === 'duration' && (parseDuration(value) ?? 0) > LONGEST_DURATION_MS) {
    return `must be at most 24d; found ${found([], value)}`;
  }
  if (pointer === POLL && (parseDuration(value) ?? SHORTEST_POLL_MS) < SHORTEST_POLL_MS) {
    return `must be at least ${SHORTEST_POLL_MS}ms; found ${found([], value)}`;
  }
  const bytes = kind === 'size' ? (parseSize(value) ?? 0) : 0;
  if (bytes > Number.MAX_SAFE_INTEGER) return `is too large; found ${found([], value)}`;
  if (TEXT_LIMITS.includes(pointer) && bytes > LONGEST_TEXT_BYTES)
    return `must be at most 256MiB; found ${found([], value)}`;
  if (kind === 'rootURL' && /^https?:\/\/[^@]*$/.test(value) && !URL.canParse(value)) {
    return `is no URL: look at its host and port; found ${found([], value)}`;
  }
  return kind === 'listenAddress' ? badAddress(value) : undefined;
}

function badAddress(address: string): string | undefined {
  if (address.startsWith('unix:')) {
    const bytes = Buffer.byteLength(address) - 'unix:'.length;
    return bytes > LONGEST_SOCKET_PATH_BYTES
      ? `must have a path of at most ${LONGEST_SOCKET_PATH_BYTES} bytes; it has ${bytes}`
      : undefined;
  }
  const host = /^\[?([0-9a-fA-F:.]+)\]?:[0-9]+$/.exec(address)?.[1];
  return host !== undefined && isIP(host) === 0
    ? `is no IP address with a port; found ${found([], address)}`
    : undefined;
}

/** A renewal that is given up before it is due. */
function lateRenewal(config: unknown, places: Places): Mistake[] {
  const whole = defaultsOf(partOf('renewal'));
  const [before, giveUp] = ['before', 'giveUp'].map(key => {
    const text = valueAt(config, ['renewal', key]) ?? whole[key];
    return { text, ms: typeof text === 'string' ? parseDuration(text) : undefined };
  });
  if (before?.ms === undefined || giveUp?.ms === undefined || before.ms > giveUp.ms) return [];
  const pointer = places.has('/renewal/before') ? '/renewal/before' : '/renewal/giveUp';
  return [
    {
      offset: valueOffset(places, pointer),
      text: `renewal.before (${String(before.text)}) must be longer than renewal.giveUp (${String(giveUp.text)}): both count back from the end of the credentials`,
    },
  ];
}
