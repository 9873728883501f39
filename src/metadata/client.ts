/** The patient and the impatient way to ask a metadata service (the door says what they promise). */
import { doublingDelayMs } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { RunnerError } from '../errors.ts';
import type { Log } from '../logging/log.ts';
import { durationWords } from '../words.ts';
import { type Failure, failedRequest, UNREADABLE } from './failure.ts';
import { linkedAbort } from './linked-abort.ts';
import type { MetadataClient, MetadataReply, MetadataRequest, MetadataService } from './metadata.ts';
import { createOutage } from './outage.ts';
import { createSender } from './sender.ts';

export interface MetadataClientOptions {
  readonly service: MetadataService;
  readonly clock: Clock;
  readonly log: Log;
  /** How long is asked again in all, from the first request of this client. */
  readonly giveUpAfterMs: number;
}

/** A hung first try costs little; a service that is only slow gets its time at the later ones. */
const FIRST_TRY_MS = 2000;
const LONGEST_TRY_MS = 5000;
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 5000;
/** Two tries are never closer than this. */
const SHORTEST_DELAY_MS = 100;
/** The last try begins while there is this much time left. */
const LAST_TRY_MS = 1000;
/** A request long after the boot (a new token) has some patience of its own. */
const LATE_PATIENCE_MS = 10_000;
/** How long HTML, redirects and the like are taken for a network that is still coming up. */
const UNREADABLE_PATIENCE_MS = 10_000;

export function createMetadataClient(options: MetadataClientOptions): MetadataClient {
  const { service, clock, giveUpAfterMs } = options;
  const sender = createSender(service);
  const outage = createOutage({ ...options, service: service.name });
  const closing = new AbortController();
  let firstMs: number | undefined;
  let recognized = false;

  /** One try; `url` is the whole URL that was asked last. */
  async function attempt(request: MetadataRequest, timeoutMs: number, signal: AbortSignal) {
    firstMs ??= clock.elapsed();
    const sent = await sender.send(request, timeoutMs, signal);
    if (sent.result.kind === 'reply') {
      recognized ||= service.override === undefined && service.recognizes(sent.result.reply);
    }
    return sent;
  }

  async function untilRead<T>(
    request: MetadataRequest,
    read: (reply: MetadataReply) => T,
    signal: AbortSignal,
  ): Promise<T> {
    const startMs = clock.elapsed();
    const latePatienceMs = Math.min(giveUpAfterMs, request.latePatienceMs ?? LATE_PATIENCE_MS);
    const endMs = Math.max((firstMs ?? startMs) + giveUpAfterMs, startMs + latePatienceMs);
    let unreadableSinceMs: number | undefined;
    for (let tries = 1; ; tries += 1) {
      const { url, result } = await attempt(request, tryMs(tries, endMs - clock.elapsed()), signal);
      const outcome = result.kind === 'reply' ? readOrFail(result.reply, read) : result;
      if (outcome.kind === 'value') return outcome.value;

      const nowMs = clock.elapsed();
      if (outcome.failure.kind === 'unreadable') unreadableSinceMs ??= nowMs;
      else unreadableSinceMs = undefined;
      const leftMs = Math.min(endMs, (unreadableSinceMs ?? Infinity) + UNREADABLE_PATIENCE_MS) - nowMs;
      const backoffMs = doublingDelayMs(FIRST_DELAY_MS, LONGEST_DELAY_MS, tries, clock.random());
      const delayMs = Math.min(backoffMs, leftMs - lastTryMs(giveUpAfterMs));
      if (delayMs < SHORTEST_DELAY_MS) {
        if ('error' in outcome) throw outcome.error;
        throw noAnswer(request, url, outcome.failure, tries, nowMs - startMs);
      }
      await clock.sleep(delayMs, signal);
    }
  }

  function noAnswer(request: MetadataRequest, url: string, failure: Failure, tries = 1, tookMs = 0) {
    const after = tries === 1 ? '' : ` after ${tries} tries in ${durationWords(tookMs)}`;
    const advice = failure.advice ?? adviceFor(service);
    return failedRequest({ service: service.name, request, url, failure: { ...failure, advice }, after });
  }

  return {
    async read(request, read, signal) {
      const over = outage.wait();
      const ending = linkedAbort(signal, closing.signal);
      let answered = false;
      try {
        const value = await untilRead(request, read, ending.signal);
        answered = true;
        return value;
      } finally {
        ending.unlink();
        over(answered);
      }
    },
    async askOnce(request, timeoutMs, signal) {
      const ending = linkedAbort(signal, closing.signal);
      try {
        const { url, result } = await attempt(request, timeoutMs, ending.signal);
        if (result.kind === 'reply') return result.reply;
        throw noAnswer(request, url, result.failure);
      } finally {
        ending.unlink();
      }
    },
    get answeredOnRealAddress() {
      return recognized;
    },
    close() {
      closing.abort();
      sender.close();
    },
  };
}

type Outcome<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly error?: RunnerError };

function readOrFail<T>(reply: MetadataReply, read: (reply: MetadataReply) => T): Outcome<T> {
  // 410 is Azure's while its service is renewed, which takes up to 70 s.
  if (reply.status === 410 || reply.status === 429 || reply.status >= 500) {
    return { kind: 'failed', failure: { kind: 'silent', words: `was answered with ${reply.status}` } };
  }
  try {
    return { kind: 'value', value: read(reply) };
  } catch (error) {
    if (!(error instanceof RunnerError) || error.code !== UNREADABLE) throw error;
    return { kind: 'failed', failure: { kind: 'unreadable', words: error.message }, error };
  }
}

function adviceFor(service: MetadataService): string {
  return service.override === undefined
    ? `this machine may not be on this cloud at all (see provider.providerType); or a firewall, or a container's network, keeps it from the metadata service`
    : `see what listens at the address that ${service.override} names, or unset it`;
}

function tryMs(tries: number, leftMs: number): number {
  const wholeMs = Math.min(FIRST_TRY_MS * 2 ** (tries - 1), LONGEST_TRY_MS);
  return Math.max(1, Math.min(wholeMs, leftMs));
}

function lastTryMs(giveUpAfterMs: number): number {
  return Math.min(LAST_TRY_MS, giveUpAfterMs / 4);
}
