/** Taskcluster as a runner meets it: five calls over taskcluster-client, with our own patience, trust and checks. */
import { type Clock, systemClock } from '../clock.ts';
import type { Log } from '../logging/log.ts';
import type { Redactor } from '../logging/redactor.ts';
import type { Credentials, WorkerIdentity } from '../model.ts';
import type { Tell } from '../run-event.ts';
import { type Call, type CallWorld, makeCall } from './call.ts';
import type { Clients } from './clients.ts';
import type { Failure } from './failure.ts';
import { agentsUseProxies, proxyFor } from './proxies.ts';
import { registerCall } from './register.ts';
import { learnCredentials, readNothing, type Reader, readRenewal, readSecret } from './replies.ts';
import type { Attempt, RetryPolicy } from './retry.ts';
import type { CallOptions, SecretAnswer, Taskcluster } from './taskcluster.ts';
import { network, type Transport } from './transport.ts';

const MANAGER = 'worker-manager/v1';

export interface TaskclusterOptions {
  /** Without a slash at its end. */
  readonly rootUrl: string;
  readonly network: RetryPolicy;
  readonly log: Log;
  readonly redactor: Redactor;
  /** Where proxies and certificate files are named; by default the process's own. */
  readonly env?: NodeJS.ProcessEnv;
  readonly clock?: Clock;
  readonly tell?: Tell;
  /** By default the network. */
  readonly transport?: Transport;
}

/**
 * Makes the client; nothing is loaded or connected before the first call or `warmUp`.
 * @throws RunnerError `taskcluster.proxy` with exit `config` where a proxy variable of the environment that rootUrl would
 *   be reached through is no URL
 */
export function createTaskcluster(options: TaskclusterOptions): Taskcluster {
  const { rootUrl, log, redactor, env = process.env, clock = systemClock, transport = network } = options;
  const proxy = proxyFor(rootUrl, env, redactor);
  if (proxy !== undefined && !agentsUseProxies(process.versions.node)) {
    log.warn(
      `${proxy.variable} is not used: Node ${process.versions.node} knows no proxies; take Node 22.21, 24.5 or a newer one`,
    );
  }
  const connections = transport.createConnections({ rootUrl, env, proxy, log });
  const policy = options.network;
  const { tell = () => undefined } = options;
  const world: CallWorld = { rootUrl, policy, connections, transport, proxy, clock, log, redactor, tell };
  const closing = new AbortController();
  let credentials: Credentials | undefined;

  function start<T>(call: Call<T>, signal: AbortSignal, options: CallOptions = {}): Promise<T> {
    const { retryForMs, attemptTimeoutMs } = world.policy;
    const policy = {
      retryForMs: options.retryForMs ?? retryForMs,
      attemptTimeoutMs: Math.min(options.attemptTimeoutMs ?? Infinity, attemptTimeoutMs),
      ...(options.noMoreTries === undefined ? {} : { noMoreTries: options.noMoreTries }),
    };
    return makeCall(call, { ...world, policy }, AbortSignal.any([signal, closing.signal]));
  }

  /** A call that is signed with the newest credentials, also where they change between two tries. */
  function signed<T>(
    name: string,
    path: string,
    use: (clients: Clients) => Promise<unknown>,
    read: Reader<T>,
  ): Call<T> {
    return {
      name,
      url: `${rootUrl}/api/${path}`,
      send: async (agent, timeoutMs) =>
        use(await transport.makeClients({ rootUrl, credentials: credentials ?? {}, agent, timeoutMs })),
      read,
      reconsider: adviseOnCredentials,
    };
  }

  return {
    registerWorker(request, signal, callOptions) {
      const { makeClients } = transport;
      return start(registerCall(request, { rootUrl, redactor, log, makeClients }), signal, callOptions);
    },
    reregisterWorker(identity, secret, signal, callOptions) {
      redactor.add(secret);
      const payload = { ...names(identity), secret };
      const use = ({ workerManager }: Clients) => workerManager.reregisterWorker(payload);
      const call = signed('reregisterWorker', `${MANAGER}/worker/reregister`, use, readRenewal);
      return start({ ...call, reconsider: judgeRenewal }, signal, callOptions);
    },
    removeWorker(identity, signal, callOptions) {
      const { workerPoolId, workerGroup, workerId } = names(identity);
      const path = `${MANAGER}/workers/${encodeURIComponent(workerPoolId)}/${workerGroup}/${workerId}`;
      const use = ({ workerManager }: Clients) =>
        workerManager.removeWorker(workerPoolId, workerGroup, workerId);
      return start(signed('removeWorker', path, use, readNothing), signal, callOptions);
    },
    reportWorkerError(identity, report, signal, callOptions) {
      const { workerPoolId, workerGroup, workerId } = names(identity);
      const { kind, title, description, extra } = report;
      const payload = { workerGroup, workerId, kind, title, description, extra };
      const path = `${MANAGER}/worker-pool-errors/${encodeURIComponent(workerPoolId)}`;
      const use = ({ workerManager }: Clients) => workerManager.reportWorkerError(workerPoolId, payload);
      return start(signed('reportWorkerError', path, use, readNothing), signal, callOptions);
    },
    getSecret(name, signal) {
      const path = `secrets/v1/secret/${encodeURIComponent(name)}`;
      const call = signed('get secret', path, ({ secrets }) => secrets.get(name), readFound);
      return start({ ...call, rescue: absentSecret }, signal);
    },
    clockSkewMs: signal => transport.clockSkewMs(rootUrl, connections.agent(), clock, signal),
    useCredentials(newCredentials) {
      learnCredentials(newCredentials, redactor);
      credentials = newCredentials;
    },
    warmUp: count => connections.warmUp(count),
    close() {
      // A call that nobody waits for any more (of two at once, the other has failed) must not go on trying.
      closing.abort(new Error('the connections to Taskcluster are closed'));
      connections.close();
    },
  };
}

function names(identity: WorkerIdentity): Pick<WorkerIdentity, 'workerPoolId' | 'workerGroup' | 'workerId'> {
  const { workerPoolId, workerGroup, workerId } = identity;
  return { workerPoolId, workerGroup, workerId };
}

function adviseOnCredentials(failure: Failure): Failure {
  if (failure.refusal?.status !== 401) return failure;
  return { advice: 'check the credentials: have they expired, or been revoked or mistyped?', ...failure };
}

/** Until the credentials end there may be hours: what stands between us and the service may be mended till then. */
function judgeRenewal(failure: Failure): Failure {
  const { refusal, code, exit, words, advice, cause } = failure;
  if (refusal?.status === 401) return adviseOnCredentials(failure);
  if (refusal !== undefined) {
    return {
      ...failure,
      advice: 'the secret works once: an earlier try may have arrived, and its reply may have been lost',
    };
  }
  return { code, exit, words, cause, retry: true, ...(advice === undefined ? {} : { advice }) };
}

function readFound(value: unknown): SecretAnswer {
  return { kind: 'found', secret: readSecret(value) };
}

/** Only where the secrets service itself says so. 410 comes from old services: the secret has expired. */
function absentSecret(failure: Failure): Attempt<SecretAnswer> | undefined {
  if (failure.refusal === undefined) return undefined;
  const { status, message } = failure.refusal;
  if (status !== 403 && status !== 404 && status !== 410) return undefined;
  return { kind: 'done', value: { kind: 'absent', status, message } };
}
