/** One call of a service, from the first try to the last word. */
import type { Agent } from 'node:http';
import type { Clock } from '../clock.ts';
import type { Log } from '../logging/log.ts';
import type { Redactor } from '../logging/redactor.ts';
import type { Tell } from '../run-event.ts';
import { type Outcome, runAttempt } from './attempt.ts';
import { untrustedCertificate } from './certificate.ts';
import { loadLibrary } from './clients.ts';
import { skewWords, TOLERATED_SKEW_MS } from './clock-skew.ts';
import type { Connections } from './connections.ts';
import { badReply, type Failure } from './failure.ts';
import { judge } from './judge.ts';
import { closedEarly, networkError, neverSent } from './no-reply.ts';
import type { Proxy } from './proxies.ts';
import { checkDepth, type Reader, WrongShape } from './replies.ts';
import { type Attempt, type RetryPolicy, retrying } from './retry.ts';
import type { Transport } from './transport.ts';
import { mayBeUnknownIssuer, verificationProblem } from './trust.ts';

/** A stale connection shows itself within a round trip; what takes longer may have reached the service. */
const STALE_MS = 1000;

/** What all calls of one client share. */
export interface CallWorld {
  readonly rootUrl: string;
  readonly policy: RetryPolicy;
  readonly connections: Connections;
  readonly transport: Transport;
  readonly proxy: Proxy | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly redactor: Redactor;
  readonly tell: Tell;
}

export interface Call<T> {
  /** The API method: `registerWorker`. */
  readonly name: string;
  readonly url: string;
  /**
   * What a try needs beforehand, from elsewhere: not in its time, nor in that of the call. Where it rejects, so does
   * the call.
   */
  prepare?(signal: AbortSignal): Promise<void>;
  /** Makes one request, on this agent and with this timeout in ms. */
  send(agent: Agent, timeoutMs: number): Promise<unknown>;
  readonly read: Reader<T>;
  /** A second opinion on failures that are final for most calls but not for this one. */
  reconsider?(failure: Failure): Failure;
  /** Whether to repeat the call at once, because it will be another one. */
  changed?(failure: Failure): boolean;
  /** Turns a failure of this call into a result. */
  rescue?(failure: Failure): Attempt<T> | undefined;
}

/**
 * Makes the call, again and again as the policy allows.
 * @throws RunnerError `taskcluster.*`; what `prepare` throws, such as the error of a failing identity proof; the signal's
 *   reason as soon as the signal fires
 */
export async function makeCall<T>(call: Call<T>, world: CallWorld, signal: AbortSignal): Promise<T> {
  async function prepare(): Promise<void> {
    // The library not in the time of a try either: on a busy machine it may take longer than a short attemptTimeout.
    await Promise.all([call.prepare?.(signal), loadLibrary()]);
  }
  async function attempt(timeoutMs: number): Promise<Attempt<T>> {
    const first = await tryOnce(call, timeoutMs, world, signal);
    if (first.kind === 'done') return first;
    if (call.changed?.(first.failure) === true) {
      await prepare();
      return attempt(timeoutMs);
    }
    return call.rescue?.(first.failure) ?? (await reconsidered(call, first.failure, world, signal));
  }
  const { name, url } = call;
  return retrying({ name, url, prepare, attempt }, world.policy, world, signal);
}

function resultOf({ response, ended }: Outcome): string {
  if (response === undefined || ended !== undefined) return 'no reply';
  return response.status >= 200 && response.status < 300 ? 'ok' : String(response.status);
}

async function tryOnce<T>(
  call: Call<T>,
  timeoutMs: number,
  world: CallWorld,
  signal: AbortSignal,
): Promise<Attempt<T>> {
  const { clock, connections, proxy, redactor, transport } = world;
  const agent = connections.agent();
  const { host } = new URL(world.rootUrl);
  const startMs = clock.elapsed();
  const outcome = await runAttempt(
    agent,
    shadow => call.send(shadow, timeoutMs),
    timeoutMs,
    signal,
    transport.clock,
  );
  if (isStale(outcome, clock.elapsed() - startMs)) return tryOnce(call, timeoutMs, world, signal);
  world.tell({ kind: 'call', name: call.name, result: resultOf(outcome) });
  const refusal = outcome.response === undefined ? verification(outcome.error) : undefined;
  if (refusal !== undefined) {
    if (mayBeUnknownIssuer(refusal.code)) await connections.widenTrust();
    // Trust has grown since this try began (perhaps by another call): again, at once.
    if (connections.agent() !== agent) return tryOnce(call, timeoutMs, world, signal);
    const certificate = await connections.certificate(
      AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    );
    signal.throwIfAborted();
    return {
      kind: 'failed',
      failure: untrustedCertificate(host, refusal, certificate, clock.now(), redactor),
    };
  }
  const judgment = judge(outcome, { host, timeoutMs, proxy, redactor });
  return judgment.kind === 'failed' ? judgment : readReply(call, judgment.value, redactor);
}

/**
 * A connection that was kept, or opened early, and that the other side had closed, which showed only when we wrote to it:
 * no failure of the service, and no reason to wait. The policy would repeat the call in any case. It ends with a fresh
 * connection at the latest, since
 * each stale one is gone afterwards.
 */
function isStale({ reused, response, ended, error }: Outcome, tookMs: number): boolean {
  if (response !== undefined || ended !== undefined || tookMs >= STALE_MS) return false;
  return neverSent(error) || (reused && closedEarly(error));
}

function verification(
  error: unknown,
): { readonly code: string; readonly problem: string; readonly cause: unknown } | undefined {
  const { code, error: cause } = networkError(error);
  const problem = verificationProblem(code);
  return problem === undefined ? undefined : { code, problem, cause };
}

function readReply<T>(call: Call<T>, value: unknown, redactor: Redactor): Attempt<T> {
  try {
    checkDepth(value);
    return { kind: 'done', value: call.read(value, redactor) };
  } catch (error) {
    if (!(error instanceof WrongShape)) throw error;
    return { kind: 'failed', failure: badReply(`the reply is not that of ${call.name}: ${error.message}`) };
  }
}

async function reconsidered<T>(
  call: Call<T>,
  failure: Failure,
  world: CallWorld,
  signal: AbortSignal,
): Promise<Attempt<T>> {
  const judged = failure.refusal?.status === 401 ? await blameClock(failure, world, signal) : failure;
  return { kind: 'failed', failure: call.reconsider?.(judged) ?? judged };
}

/** A 401 is final, unless it is only our clock that is wrong: that mends itself. */
async function blameClock(failure: Failure, world: CallWorld, signal: AbortSignal): Promise<Failure> {
  const { rootUrl, connections, clock, transport } = world;
  const skewMs = await transport.clockSkewMs(rootUrl, connections.agent(), clock, signal);
  if (skewMs === undefined || Math.abs(skewMs) <= TOLERATED_SKEW_MS) return failure;
  return {
    ...failure,
    words: `${failure.words}; ${skewWords(skewMs)}`,
    retry: true,
    advice: "set the machine's clock: is time synchronization running?",
  };
}
