/** The calls of worker-manager, for static workers and for the simulated machine. The rules: facts/taskcluster.md §1. */
import { randomUUID } from 'node:crypto';
import {
  validateSimulatorRegisterWorker,
  validateSimulatorReportWorkerError,
  validateSimulatorReregisterWorker,
} from '../generated/validators.js';
import type { JsonObject } from '../json.ts';
import type { ApiCall } from './api-call.ts';
import { apiError } from './api-error.ts';
import { invalidPayload, requirePayload } from './payload.ts';
import { requireScopes, workerScopes, type ScopedWorker } from './scopes.ts';
import { workerKey, type KnownWorker } from './state.ts';
import { issueCredentials, randomToken } from './temporary-credentials.ts';

/** Worker-manager starts credentials in the past, for workers whose clock is behind. */
const HEAD_START_MS = 15 * 60_000;
/** How long ago credentials ended that a scenario wants expired: beyond any tolerance for clocks. */
const EXPIRED_SINCE_MS = 10 * 60_000;
/** The first releases that know … */
const REGISTRATION_SECRETS_SINCE = 29;
const BOOT_TIMES_SINCE = 97;

export function registerWorker(call: ApiCall): JsonObject {
  const { state } = call;
  const request = requirePayload(validateSimulatorRegisterWorker, call.payload);
  if (request.systemBootTime !== undefined && state.scenario.version < BOOT_TIMES_SINCE) {
    throw invalidPayload(['data must NOT have additional properties: systemBootTime']);
  }
  const workerConfig = state.workerConfigs.get(request.workerPoolId);
  if (workerConfig === undefined) {
    throw apiError('ResourceNotFound', `There is no worker pool ${request.workerPoolId}`);
  }
  const worker = findWorker(call, request);
  if (worker.configured.providerId !== request.providerId) {
    throw apiError('InputError', `Worker ${workerKey(request)} is not one of provider ${request.providerId}`);
  }
  const proof = request.workerIdentityProof as JsonObject;
  if (worker.configured.staticSecret === undefined) requireMachine(call, worker, proof);
  else requireStatic(worker, proof);
  return { ...lease(call, worker), workerConfig };
}

/** A static worker may register again and again, until it is removed. */
function requireStatic({ configured, state }: KnownWorker, { staticSecret }: JsonObject): void {
  if (typeof staticSecret !== 'string')
    throw apiError('InputError', 'The identity proof holds no staticSecret');
  if (staticSecret !== configured.staticSecret) throw apiError('InputError', 'The staticSecret is wrong');
  if (state === 'stopped') {
    throw apiError(
      'InputError',
      `Worker ${workerKey(configured)} was removed: it is stopped and cannot register`,
    );
  }
}

/** A cloud's worker registers once, with a proof that its metadata service issued. */
function requireMachine({ state, nowMs }: ApiCall, worker: KnownWorker, proof: JsonObject): void {
  const { machine, rootUrl } = state;
  if (machine === undefined) throw new Error('a worker without a secret is the machine');
  const { recordAfterMs, proofOnce } = machine.settings;
  if (state.now() - machine.startedMs < recordAfterMs) throw unknownWorker(worker.configured);
  const problem = machine.cloud.proofProblem(proof, machine, { rootUrl, nowMs });
  if (problem !== undefined) throw apiError('InputError', problem);
  const key = JSON.stringify(proof);
  if (proofOnce && machine.usedProofs.has(key))
    throw apiError('InputError', 'The identity proof was used before');
  machine.usedProofs.add(key);
  if (worker.state !== 'created') {
    throw apiError('InputError', 'This worker is either stopped or running. No need to register');
  }
}

export function reregisterWorker(call: ApiCall): JsonObject {
  const request = requirePayload(validateSimulatorReregisterWorker, call.payload);
  requireScopes(call.caller, [`worker-manager:reregister-worker:${workerKey(request)}`]);
  const worker = findWorker(call, request);
  if (worker.registrationSecret !== request.secret) {
    throw apiError('InputError', 'The registration secret is wrong, or was used before');
  }
  return lease(call, worker);
}

export function removeWorker(call: ApiCall): JsonObject {
  const worker = scopedWorker(call.params);
  requireScopes(call.caller, [`worker-manager:remove-worker:${workerKey(worker)}`]);
  const known = findWorker(call, worker);
  call.state.workers.set(workerKey(worker), { configured: known.configured, state: 'stopped' });
  return {};
}

export function reportWorkerError(call: ApiCall): JsonObject {
  const { workerPoolId } = scopedWorker(call.params);
  const report = requirePayload(validateSimulatorReportWorkerError, call.payload);
  requireScopes(call.caller, [
    `assume:worker-pool:${workerPoolId}`,
    `assume:worker-id:${report.workerGroup}/${report.workerId}`,
  ]);
  if (!call.state.workerConfigs.has(workerPoolId)) {
    throw apiError('ResourceNotFound', `There is no worker pool ${workerPoolId}`);
  }
  const { kind, title, description, workerGroup, workerId } = report;
  return {
    workerPoolId,
    errorId: randomUUID(),
    reported: new Date(call.nowMs).toISOString(),
    kind,
    title,
    description,
    extra: { ...(report.extra as JsonObject), workerGroup, workerId },
  };
}

function scopedWorker(params: ApiCall['params']): ScopedWorker {
  const { workerPoolId = '', workerGroup = '', workerId = '' } = params;
  return { workerPoolId, workerGroup, workerId };
}

function findWorker(call: ApiCall, worker: ScopedWorker): KnownWorker {
  const known = call.state.workers.get(workerKey(worker));
  if (known === undefined) throw unknownWorker(worker);
  return known;
}

function unknownWorker(worker: ScopedWorker): Error {
  return apiError('ResourceNotFound', `There is no worker ${workerKey(worker)}`);
}

/** New credentials for a worker, and the secret that renews them. */
function lease(call: ApiCall, worker: KnownWorker): JsonObject {
  const { state, nowMs } = call;
  const { configured } = worker;
  const expires = new Date(nowMs + (call.issueExpired ? -EXPIRED_SINCE_MS : state.scenario.leaseMs));
  const credentials = issueCredentials(state.issuer, {
    clientId: `worker/${configured.providerId}/${workerKey(configured)}`,
    scopes: workerScopes(configured, state.scenario.version),
    start: new Date(nowMs - HEAD_START_MS),
    expiry: expires,
  });
  const answer = { expires: expires.toISOString(), credentials: { ...credentials } };
  if (state.scenario.version < REGISTRATION_SECRETS_SINCE) {
    state.workers.set(workerKey(configured), { configured, state: 'registered', expires });
    return answer;
  }
  const registrationSecret = randomToken();
  state.workers.set(workerKey(configured), { configured, state: 'registered', expires, registrationSecret });
  return { ...answer, secret: registrationSecret };
}
