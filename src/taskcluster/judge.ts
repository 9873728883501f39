/** Judges what one try of a call came to: a reply to go on with, or a failure. */
import { validateTaskclusterErrorReply } from '../generated/validators.js';
import { isJsonObject } from '../json.ts';
import type { Redactor } from '../logging/redactor.ts';
import type { Outcome, ResponseHead } from './attempt.ts';
import { badReply, type Failure, refused, unreachable } from './failure.ts';
import { noReply, proxyAnswer } from './no-reply.ts';
import { type Proxy, proxyWords } from './proxies.ts';
import { durationWords } from '../words.ts';
import { quote } from './text.ts';

export type Judgment =
  | { readonly kind: 'reply'; readonly value: unknown }
  | { readonly kind: 'failed'; readonly failure: Failure };

export interface JudgeOptions {
  /** Of rootURL, with its port. */
  readonly host: string;
  readonly timeoutMs: number;
  readonly proxy: Proxy | undefined;
  readonly redactor: Redactor;
}

/** "Later" in HTTP's own words, besides all of 5xx. */
const RETRIED_STATUSES: ReadonlySet<number> = new Set([408, 425, 429]);

export function judge(outcome: Outcome, options: JudgeOptions): Judgment {
  const { response } = outcome;
  if (outcome.ended === 'timeout') return failed(timedOut(response, options));
  if (outcome.ended === 'too-large') {
    return failed(badReply('the reply is far larger than any of Taskcluster'));
  }
  if (outcome.ended === 'compressed') return failed(compressed(response, options.redactor));
  if (outcome.ended === 'switched') return failed(badReply('the reply changes to another protocol (101)'));
  if (response === undefined)
    return failed(noReply(outcome.error, options.host, options.proxy, options.redactor));
  if (!response.complete) return failed(cut(response));
  if (response.status >= 300 && response.status < 400) return failed(redirect(response, options.redactor));
  if (response.status < 200 || response.status >= 400) return failed(errorReply(outcome, response, options));
  return success(outcome, response, options.redactor);
}

function failed(failure: Failure): Judgment {
  return { kind: 'failed', failure };
}

function timedOut(response: ResponseHead | undefined, options: JudgeOptions): Failure {
  const time = durationWords(options.timeoutMs);
  if (response === undefined) return unreachable(`no reply in ${time}`);
  return unreachable(`the reply (${response.status}) did not come to its end in ${time}`);
}

function compressed(response: ResponseHead | undefined, redactor: Redactor): Failure {
  const encoding = quote(response?.contentEncoding ?? '', redactor, 40);
  return badReply(`the reply is compressed (${encoding}), although it was asked for as it is`);
}

function cut(response: ResponseHead): Failure {
  return badReply(`the reply (${response.status}) was cut off after ${response.size} bytes`, { retry: true });
}

/** Followed, it would carry signed requests and identity proofs to where nobody meant them to go. */
function redirect(response: ResponseHead, redactor: Redactor): Failure {
  const target = response.location;
  const url = target !== undefined && URL.canParse(target) ? new URL(target) : undefined;
  // Without its query, which may hold anything.
  const where = url === undefined ? '' : ` to ${quote(`${url.origin}${url.pathname}`, redactor)}`;
  return badReply(`the reply is a redirect (${response.status})${where}, which is not followed`, {
    advice: 'set rootURL to the address of Taskcluster itself',
  });
}

function errorReply(outcome: Outcome, response: ResponseHead, options: JudgeOptions): Failure {
  const { status } = response;
  const { proxy } = options;
  if (status === 407 && proxy !== undefined) {
    return proxyAnswer(status, `the proxy ${proxyWords(proxy)} answered with 407`, proxy);
  }
  const said = serviceError(outcome.error, options.redactor);
  if (RETRIED_STATUSES.has(status) || status >= 500) {
    const words = said === undefined ? '' : ` (${said.serviceCode}): ${said.message}`;
    return unreachable(`the service answered ${status}${words}`, {
      advice: 'the service has trouble: try again later',
    });
  }
  // A wrong server says 404 and 403 as well, and that does not mean that a secret is not there.
  if (said === undefined) {
    return badReply(
      `the answer ${status} with ${contentWords(response, options.redactor)} is not Taskcluster's`,
    );
  }
  return refused({ status, ...said });
}

/** The service's own words, without its echo of our request, in which there is all that we sent. */
function serviceError(
  error: unknown,
  redactor: Redactor,
): { readonly serviceCode: string; readonly message: string } | undefined {
  const body: unknown =
    typeof error === 'object' && error !== null && 'body' in error ? error.body : undefined;
  if (!validateTaskclusterErrorReply(body)) return undefined;
  return {
    serviceCode: quote(body.code, redactor, 100),
    message: quote(withoutEcho(body.message), redactor),
  };
}

/** Services append a line of dashes, then `* method: …`, `* payload: …`. */
function withoutEcho(message: string): string {
  return message.split(/(?:^|\r?\n)\s*-{3,}\s*(?:\r?\n|$)/, 1)[0] ?? '';
}

function success(outcome: Outcome, response: ResponseHead, redactor: Redactor): Judgment {
  if (outcome.error === undefined && outcome.value !== undefined)
    return { kind: 'reply', value: outcome.value };
  if (response.size === 0) return failed(badReply(`the reply (${response.status}) is empty`));
  if (!isJson(response)) {
    return failed(
      badReply(`the reply (${response.status}) is ${contentWords(response, redactor)}, not JSON`),
    );
  }
  if (endsEarly(outcome.error)) return failed(cut(response));
  return failed(badReply(`the reply (${response.status}) is not valid JSON`));
}

function isJson(response: ResponseHead): boolean {
  return response.contentType.startsWith('application/json');
}

/** A proxy that lost the other half of a reply ends its own half properly; the JSON shows it. */
function endsEarly(error: unknown): boolean {
  const body: unknown =
    isJsonObject(error) || error instanceof Error ? (error as { body?: unknown }).body : undefined;
  return typeof body === 'string' && body.trimStart().startsWith('{') && !body.trimEnd().endsWith('}');
}

function contentWords(response: ResponseHead, redactor: Redactor): string {
  return response.contentType === '' ? 'no content type' : quote(response.contentType, redactor, 60);
}
