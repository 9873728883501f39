/** registerWorker: the call with which a machine becomes a worker, and its peculiarities. */
import { type JsonObject, visitStrings } from '../json.ts';
import type { Log } from '../logging/log.ts';
import type { Redactor } from '../logging/redactor.ts';
import type { Registered } from '../model.ts';
import { MIN_SECRET_LENGTH } from '../secret-keys.ts';
import type { Call } from './call.ts';
import type { makeClients } from './clients.ts';
import type { Failure } from './failure.ts';
import { readRegistration } from './replies.ts';
import type { RegisterRequest } from './taskcluster.ts';

export function registerCall(
  request: RegisterRequest,
  options: {
    readonly rootUrl: string;
    readonly redactor: Redactor;
    readonly log: Log;
    readonly makeClients: typeof makeClients;
  },
): Call<Registered> {
  const { rootUrl, redactor, log } = options;
  const { workerPoolId, workerGroup, workerId } = request.identity;
  let bootTime = request.systemBootTime;
  let proof: JsonObject = {};

  return {
    name: 'registerWorker',
    url: `${rootUrl}/api/worker-manager/v1/worker/register`,
    async prepare(signal) {
      proof = await request.prove(signal);
      learnProof(proof, redactor);
    },
    async send(agent, timeoutMs) {
      // Nothing is signed here: the proof is what speaks for the machine.
      const { workerManager } = await options.makeClients({ rootUrl, credentials: {}, agent, timeoutMs });
      return workerManager.registerWorker({
        workerPoolId,
        providerId: request.providerId,
        workerGroup,
        workerId,
        workerIdentityProof: proof,
        ...(bootTime === undefined ? {} : { systemBootTime: bootTime.toISOString() }),
      });
    },
    read: readRegistration,
    changed(failure) {
      // Services before 96.3.0 do not know systemBootTime and refuse every key they do not know.
      if (bootTime === undefined || !isSchemaRefusal(failure)) return false;
      bootTime = undefined;
      log.info(
        'registerWorker was refused by its schema; trying without systemBootTime, which older services lack',
      );
      return true;
    },
    reconsider: failure => patiently(failure, request),
  };
}

/** Which refusals may be gone in a moment, the provider knows. */
function patiently(failure: Failure, { patience, ifRefused }: RegisterRequest): Failure {
  if (failure.refusal?.status === 404 && patience.unknownWorkerForMs > 0) {
    return {
      ...failure,
      retry: true,
      retryForMs: patience.unknownWorkerForMs,
      advice: 'worker-manager does not know this worker: was it created by another deployment?',
    };
  }
  if (failure.refusal === undefined) return failure;
  const advised = { advice: ifRefused, ...failure };
  // A request of a wrong shape stays wrong, whatever the proof.
  if (failure.refusal.status !== 400 || isSchemaRefusal(failure)) return advised;
  return { ...advised, retry: true, maxTries: patience.refusedTries };
}

function isSchemaRefusal(failure: Failure): boolean {
  return failure.refusal?.status === 400 && failure.refusal.serviceCode === 'InputValidationError';
}

/** Shorter strings of an identity proof are words, not secrets. */
function learnProof(proof: JsonObject, redactor: Redactor): void {
  visitStrings(proof, text => {
    if (text.length >= MIN_SECRET_LENGTH) redactor.add(text);
  });
}
