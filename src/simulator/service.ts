/** Answers requests: finds the call, lets faults befall it, checks who signed it, carries it out and notes it down. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { isJsonObject, type JsonValue } from '../json.ts';
import { ApiError, apiError, errorBody, errorOfStatus } from './api-error.ts';
import { internalError, readPayload, sendAnswer, type Answer } from './exchange.ts';
import type { BodyFault, Effect, Misfortune } from './faults.ts';
import { authenticate } from './hawk-check.ts';
import type { RecordedRequest } from './journal.ts';
import { matchRoute, type Match } from './routes.ts';
import type { Caller } from './scopes.ts';
import type { CloudState } from './state.ts';

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Resolves early when the server closes. */
  wait(ms: number): Promise<void>;
}

/** Never rejects: what goes wrong is an answer, and a client that is gone needs none. */
export async function serve(state: CloudState, exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  const { method = '', url = '' } = request;
  const match = matchRoute(method, url, state.scenario.version);
  const misfortune = state.faults.decide(match.call, url);
  const { effect } = misfortune;
  try {
    const attempt = await carryOut(state, request, match, misfortune);
    const answer = effect?.kind === 'hang' || effect?.kind === 'reset' ? undefined : attempt.answer;
    state.journal.record(entryOf(request, match, misfortune, { ...attempt, answer }));
    await exchange.wait(state.scenario.delayMs + misfortune.delayMs);
    if (effect?.kind === 'reset') tearDown(request.socket);
    if (answer !== undefined) await sendAnswer(response, answer, bodyFaultOf(effect));
  } catch {
    // The client went away while it was being read.
    response.destroy();
  }
}

/** What became of a call before it is answered. */
interface Attempt {
  readonly payload: JsonValue | undefined;
  readonly caller: Caller | undefined;
  readonly error?: ApiError;
  readonly answer: Answer | undefined;
}

/** @throws where the request cannot be read to its end */
async function carryOut(
  state: CloudState,
  request: IncomingMessage,
  { call, params, handler }: Match,
  { effect, clockOffsetMs }: Misfortune,
): Promise<Attempt> {
  const nowMs = state.now() + clockOffsetMs;
  const date = new Date(nowMs);
  let payload: JsonValue | undefined;
  let caller: Caller | undefined;
  try {
    payload = await readPayload(request);
    if (effect?.kind === 'hang' || effect?.kind === 'reset') return { payload, caller, answer: undefined };
    if (effect?.kind === 'error') throw errorOfStatus(effect.status, effect.code, effect.message);
    if (handler === undefined) {
      throw apiError('ResourceNotFound', `Nothing answers ${request.method ?? ''} at this path`);
    }
    caller = await authenticate(request, state, nowMs);
    const expired = effect?.kind === 'expired';
    if (expired && caller.clientId !== undefined) {
      throw apiError('AuthenticationFailed', 'the credentials have expired: ext.certificate.expiry < now');
    }
    const body = handler({ state, params, payload, caller, nowMs, issueExpired: expired });
    return { payload, caller, answer: { status: 200, body, date } };
  } catch (thrown) {
    if (request.destroyed && !request.complete) throw thrown;
    const error = thrown instanceof ApiError ? thrown : internalError(thrown);
    const body = errorBody(error, { call, params, payload, time: date });
    return { payload, caller, error, answer: { status: error.status, body, date } };
  }
}

/** Node can reset a TCP connection only: one of TLS is cut off without its farewell, which clients take for the same. */
function tearDown(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

function bodyFaultOf(effect: Effect | undefined): BodyFault | undefined {
  return effect?.kind === 'error' || effect?.kind === 'body' ? effect.body : undefined;
}

function entryOf(
  request: IncomingMessage,
  { call, params }: Match,
  { words }: Misfortune,
  { payload, caller, error, answer }: Attempt,
): RecordedRequest {
  const { authorization, ...headers } = request.headers;
  return {
    time: new Date(),
    call,
    method: request.method ?? '',
    path: request.url ?? '',
    headers:
      authorization === undefined ? headers : { ...headers, authorization: authorization.split(' ')[0] },
    payload,
    who: caller?.clientId ?? subjectOf(params, payload),
    ...(answer === undefined ? {} : { status: answer.status }),
    ...(error === undefined ? {} : { refusal: `${error.code}: ${error.message}` }),
    faults: words,
  };
}

/** The worker or the secret that an unsigned call speaks of. */
function subjectOf(params: Match['params'], payload: JsonValue | undefined): string {
  const { name, workerPoolId, workerGroup, workerId } = {
    ...params,
    ...(isJsonObject(payload) ? payload : {}),
  };
  return [name ?? workerPoolId, workerGroup, workerId].filter(part => typeof part === 'string').join('/');
}
