/** One HTTP exchange: the request's body in, an answer (or what a fault made of it) out. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf } from '../errors.ts';
import type { JsonValue } from '../json.ts';
import { apiError, type ApiError } from './api-error.ts';
import type { BodyFault } from './faults.ts';

/** Taskcluster's own limit. */
const MOST_BYTES = 10 * 1024 * 1024;

/**
 * @returns the parsed body; undefined where the request has none
 * @throws ApiError MalformedPayload or InputTooLarge
 */
export async function readPayload(request: IncomingMessage): Promise<JsonValue | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    // The rest is read and dropped, so that the client reads our answer instead of a broken pipe.
    if (length <= MOST_BYTES) chunks.push(chunk);
  }
  if (length === 0) return undefined;
  if (length > MOST_BYTES)
    throw apiError('InputTooLarge', `The request body has more than ${MOST_BYTES} bytes`);
  if (!/^application\/json *(;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw apiError('MalformedPayload', 'The request body must be JSON, with content-type: application/json');
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as JsonValue;
  } catch {
    // The parser's message quotes the body, and the body may hold a secret.
    throw apiError('MalformedPayload', 'The request body is not JSON');
  }
}

export interface Answer {
  readonly status: number;
  readonly body: JsonValue;
  /** The service's clock: the Date header. */
  readonly date: Date;
}

export async function sendAnswer(
  response: ServerResponse,
  answer: Answer,
  fault: BodyFault | undefined,
): Promise<void> {
  const { type, text } = bodyOf(answer, fault);
  const headers = { date: answer.date.toUTCString(), 'content-type': type };
  await sendText(response, answer.status, headers, text, fault === 'cut');
}

/**
 * Resolves once the answer is with the operating system, or its reader is gone.
 * @param cut whether it ends in its middle
 */
export async function sendText(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  text: string,
  cut = false,
): Promise<void> {
  // A client that gave up waiting: Node makes writing to it an error.
  if (response.destroyed) return;
  const bytes = Buffer.from(text);
  response.writeHead(status, { ...headers, 'content-length': bytes.length });
  if (cut) {
    const half = bytes.subarray(0, Math.floor(bytes.length / 2));
    await new Promise<void>(resolve => {
      response.write(half, () => resolve());
      response.on('close', resolve);
    });
    response.destroy();
    return;
  }
  await new Promise<void>(resolve => {
    response.on('close', resolve);
    response.end(bytes, resolve);
  });
}

export const WEB_PAGE = `<!DOCTYPE html>
<html><head><title>Welcome</title></head><body><h1>It works!</h1><p>This is no answer of an API.</p></body></html>
`;

export const WRONG_SHAPE = JSON.stringify({ answer: [42, null, 'not what you asked for'] });

function bodyOf(
  { body }: Answer,
  fault: BodyFault | undefined,
): { readonly type: string; readonly text: string } {
  const json = 'application/json; charset=utf-8';
  switch (fault) {
    case undefined:
    case 'cut':
      return { type: json, text: JSON.stringify(body) };
    case 'html':
      return { type: 'text/html; charset=utf-8', text: WEB_PAGE };
    case 'empty':
      return { type: json, text: '' };
    case 'wrong-shape':
      return { type: json, text: WRONG_SHAPE };
  }
}

/** What went wrong in a way that no caller can be blamed for. */
export function internalError(error: unknown): ApiError {
  return apiError(
    'InternalServerError',
    `A fault of simulate-cloud itself, please report it: ${messageOf(error)}`,
  );
}
