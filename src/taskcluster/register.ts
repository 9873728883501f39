/** registerWorker: the call with which a machine becomes a worker, and its peculiarities. */
import { type JsonObject, visitStrings } from '../json.ts';
import type { Log } from '../logging/log.ts';
import type { Redactor } from '../logging/redactor.ts';
import type { Registered } from '../model.ts';
import { MIN_SECRET_LENGTH } from '../secret-keys.ts';
import type { Call } from './call.ts';
import { makeClients } from './clients.ts';
import type { Failure } from './failure.ts';
import { readRegistration } from './replies.ts';
import type { RegisterRequest } from './taskcluster.ts';

const REFUSED_ADVICE =
  'compare the provider section of the runner config with the worker pool and the worker in worker-manager';

export function registerCall(
  request: RegisterRequest,
  options: {
    readonly rootUrl: string;
    /** Whether a worker that is unknown now may be known in a moment. */
    readonly awaitRecord: boolean;
    readonly redactor: Redactor;
    readonly log: Log;
  },
): Call<Registered> {
  const { rootUrl, redactor, log } = options;
  const { workerPoolId, workerGroup, workerId } = request.identity;
  let bootTime = request.systemBootTime;

  return {
    name: 'registerWorker',
    url: `${rootUrl}/api/worker-manager/v1/worker/register`,
    async send(agent, timeoutMs, signal) {
      const proof = await request.prove(signal);
      learnProof(proof, redactor);
      // Nothing is signed here: the proof is what speaks for the machine.
      const { workerManager } = await makeClients({ rootUrl, credentials: {}, agent, timeoutMs });
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
    reconsider(failure) {
      if (failure.refusal === undefined) return failure;
      if (!options.awaitRecord || failure.refusal.status !== 404) {
        return { advice: REFUSED_ADVICE, ...failure };
      }
      return {
        ...failure,
        retry: true,
        advice: 'worker-manager does not know this worker: was it created by another deployment?',
      };
    },
  };
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
