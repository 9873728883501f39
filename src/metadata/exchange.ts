/** One request to one URL, bounded in time and size, and in words what it came to where that is no reply. */
import type { Agent } from 'node:http';
import type { Response } from 'node-fetch';
import { messageOf, systemCode } from '../errors.ts';
import { durationWords } from '../words.ts';
import type { Failure } from './failure.ts';
import { linkedAbort } from './linked-abort.ts';
import type { MetadataReply, MetadataRequest } from './metadata.ts';

export type Exchanged =
  | { readonly kind: 'reply'; readonly reply: MetadataReply }
  | { readonly kind: 'failed'; readonly failure: Failure };

interface ExchangeOptions {
  readonly origin: string;
  readonly agent: Agent;
  /** Infinity: until the signal fires. */
  readonly timeoutMs: number;
  /** Whether somebody has accepted this request's connection. */
  isAccepted(): boolean;
}

/** User data and documents are a few KiB. */
const MAX_REPLY_BYTES = 256 * 1024;

/**
 * At the time limit the connection is destroyed, so that the next try takes another one.
 * @throws the signal's reason
 */
export async function exchange(
  request: MetadataRequest,
  options: ExchangeOptions,
  signal: AbortSignal,
): Promise<Exchanged> {
  signal.throwIfAborted();
  const url = options.origin + request.path;
  const ending = linkedAbort(signal);
  // Real time, not the clock of the steps: what is bounded here is a socket, which lives in the former alone.
  const timer =
    options.timeoutMs === Infinity ? undefined : setTimeout(() => ending.abort(), options.timeoutMs);
  let response: Response | undefined;
  try {
    const { default: fetch } = await import('node-fetch');
    response = await fetch(url, {
      method: request.method ?? 'GET',
      headers: { ...request.headers },
      ...(request.body === undefined ? {} : { body: request.body }),
      agent: options.agent,
      compress: false,
      redirect: 'manual',
      size: MAX_REPLY_BYTES,
      signal: ending.signal,
    });
    return judge(url, response, await response.text());
  } catch (error) {
    signal.throwIfAborted();
    return {
      kind: 'failed',
      failure: ending.signal.aborted ? timedOut(request, response, options) : broken(error, response),
    };
  } finally {
    clearTimeout(timer);
    ending.unlink();
  }
}

function judge(url: string, response: Response, text: string): Exchanged {
  const { status } = response;
  // Followed, it would lead to a login page of somebody, or carry a token there.
  if (status >= 300 && status < 400) {
    return unreadable(`answered with a redirect (${status})${target(response)}, which is not followed`);
  }
  if (!['', 'identity'].includes(response.headers.get('content-encoding') ?? '')) {
    return unreadable(`answered with a compressed body (${status}), which was not asked for`);
  }
  return {
    kind: 'reply',
    reply: { url, status, headers: Object.fromEntries(response.headers), text },
  };
}

function target(response: Response): string {
  const location = response.headers.get('location') ?? '';
  if (!URL.canParse(location)) return '';
  const { origin, pathname } = new URL(location);
  // Without its query, which may hold anything.
  return ` to ${origin}${pathname}`.slice(0, 200);
}

function timedOut(
  request: MetadataRequest,
  response: Response | undefined,
  options: ExchangeOptions,
): Failure {
  const time = durationWords(options.timeoutMs);
  if (response !== undefined) {
    return { kind: 'silent', words: `began to answer (${response.status}) and did not end in ${time}` };
  }
  if (!options.isAccepted())
    return { kind: 'silent', words: `found nobody who takes a connection in ${time}` };
  const words = `was accepted and not answered in ${time}`;
  return request.ifSilent === undefined
    ? { kind: 'silent', words }
    : { kind: 'silent', words, advice: request.ifSilent };
}

function broken(error: unknown, response: Response | undefined): Failure {
  if (typeof error === 'object' && error !== null && 'type' in error && error.type === 'max-size') {
    return unreadable(`answered with more than ${MAX_REPLY_BYTES / 1024} KiB`).failure;
  }
  // Without the cause: this was no connection that ended before it was used.
  if (response !== undefined) {
    return { kind: 'silent', words: `was answered (${response.status}) with a body that was cut off` };
  }
  return {
    kind: 'silent',
    words: `was not answered: ${systemCode(error) ?? messageOf(error)}`,
    cause: error,
  };
}

const NOT_THE_SERVICE =
  'something else than the metadata service answers at this address, such as a captive portal or a proxy';

function unreadable(words: string): { readonly kind: 'failed'; readonly failure: Failure } {
  return { kind: 'failed', failure: { kind: 'unreadable', words, advice: NOT_THE_SERVICE } };
}
