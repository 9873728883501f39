/** Answers requests to the metadata service, lets faults befall them and notes them down. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { sendText, WEB_PAGE, WRONG_SHAPE } from '../exchange.ts';
import type { BodyFault, Effect, Misfortune } from '../faults.ts';
import type { RecordedRequest } from '../journal.ts';
import type { CloudState } from '../state.ts';
import type { Hold, MetadataReply, MetadataRequest } from './simulated-cloud.ts';
import type { MetadataMode } from './events.ts';
import type { Machine } from './machine.ts';

/** What is larger is no request to a metadata service. */
const MOST_BYTES = 1024 * 1024;

/**
 * Never rejects: what goes wrong is an answer, and a client that is gone needs none.
 * @param closing fires when the server closes
 */
export async function serveMetadata(
  state: CloudState,
  machine: Machine,
  request: IncomingMessage,
  response: ServerResponse,
  closing: AbortSignal,
): Promise<void> {
  const misfortune = state.faults.decide('metadata', request.url ?? '');
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const signal = AbortSignal.any([closing, gone.signal]);
  try {
    const asked = await readRequest(request);
    const effect = misfortune.effect ?? modeEffect(machine.mode);
    const reply = replyTo(asked, machine, effect);
    const entry = entryOf(request, asked, misfortune);
    const delayMs = machine.settings.delayMs + misfortune.delayMs;
    if (reply?.hold !== undefined) {
      const settle = state.journal.recordHeld(entry);
      await pause(delayMs, signal);
      await held(machine, reply.hold, signal);
      // The service may have gone astray in the meantime.
      const lateEffect = effect ?? modeEffect(machine.mode);
      const late = signal.aborted ? undefined : replyTo(asked, machine, lateEffect, reply.hold);
      settle(late?.status);
      if (late !== undefined) await send(response, asked, late, bodyFaultOf(lateEffect));
      return;
    }
    state.journal.record(reply === undefined ? entry : { ...entry, status: reply.status });
    await pause(delayMs, signal);
    if (effect?.kind === 'reset') request.socket.resetAndDestroy();
    if (reply !== undefined) await send(response, asked, reply, bodyFaultOf(effect));
  } catch {
    response.destroy();
  }
}

async function readRequest(request: IncomingMessage): Promise<MetadataRequest> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= MOST_BYTES) chunks.push(chunk);
  }
  const [path = '', ...query] = (request.url ?? '').split('?');
  return {
    method: request.method ?? '',
    path,
    query: new URLSearchParams(query.join('?')),
    headers: request.headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

function modeEffect(mode: MetadataMode): Effect | undefined {
  switch (mode) {
    case 'normal':
      return undefined;
    case 'down':
      return { kind: 'reset' };
    case 'hanging':
      return { kind: 'hang' };
    case 'failing':
      return { kind: 'error', status: 503 };
    case 'lying':
      return { kind: 'body', body: 'html' };
  }
}

/** @returns undefined where nothing is answered */
function replyTo(
  asked: MetadataRequest,
  machine: Machine,
  effect: Effect | undefined,
  hold?: Hold,
): MetadataReply | undefined {
  if (effect?.kind === 'hang' || effect?.kind === 'reset') return undefined;
  if (effect?.kind === 'error') return machine.cloud.refusal(effect.status, effect.message);
  return hold === undefined ? machine.cloud.answer(asked, machine) : hold.then();
}

function entryOf(
  request: IncomingMessage,
  { method, body }: MetadataRequest,
  { words }: Misfortune,
): RecordedRequest {
  return {
    time: new Date(),
    call: 'metadata',
    method,
    path: request.url ?? '',
    headers: request.headers,
    payload: body === '' ? undefined : body,
    who: '',
    faults: words,
  };
}

/** Resolves when the answer is due, nobody waits for it any more, or the service does not work as it should. */
async function held(machine: Machine, { mostMs, isOver }: Hold, signal: AbortSignal): Promise<void> {
  const due = new AbortController();
  function look(): void {
    if (isOver() || machine.mode !== 'normal') due.abort();
  }
  machine.changes.on('happened', look);
  look();
  await pause(mostMs, AbortSignal.any([signal, due.signal]));
  machine.changes.off('happened', look);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await wait(ms, undefined, { signal }).catch(() => undefined);
}

async function send(
  response: ServerResponse,
  { method }: MetadataRequest,
  { status, headers, text }: MetadataReply,
  fault: BodyFault | undefined,
): Promise<void> {
  const type = { 'content-type': 'text/html; charset=utf-8' };
  switch (fault) {
    case undefined:
    case 'cut':
      return sendText(response, status, headers, text, fault === 'cut');
    // Whoever lies does not know the cloud's own headers.
    case 'html':
      return sendText(response, status, type, method === 'HEAD' ? '' : WEB_PAGE);
    case 'empty':
      return sendText(response, status, headers, '');
    case 'wrong-shape':
      return sendText(response, status, headers, WRONG_SHAPE);
  }
}

function bodyFaultOf(effect: Effect | undefined): BodyFault | undefined {
  return effect?.kind === 'error' || effect?.kind === 'body' ? effect.body : undefined;
}
