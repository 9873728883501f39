/** What worker-manager tells a machine that it creates, in whatever way the cloud hands it on. */
import type { MetadataWorkerData } from '../generated/types.ts';
import { validateMetadataWorkerData } from '../generated/validators.js';
import { isJsonObject, type JsonObject } from '../json.ts';
import type { MetadataReply } from '../metadata/metadata.ts';
import { type Expected, jsonValueOf, shaped } from '../metadata/read.ts';
import type { WorkerIdentity } from '../model.ts';
import { complaints } from '../validator.ts';
import type { Registration } from './provider.ts';

/** As long as worker-manager's record of a new worker may be missing. */
const UNKNOWN_WORKER_MS = 120_000;

/** For where worker-manager refuses a machine that has said of itself what the cloud says. */
const REFUSED_ADVICE =
  'look this worker up in worker-manager: it registers only once, and a try or a start whose reply was lost counts; and only while the provider of its worker pool is the one that made it';

/**
 * Reads it where it is JSON.
 * @param onPool called where a worker pool is named, also where the rest is not what it should be
 * @throws RunnerError `metadata.*`, as jsonOf
 */
export function workerDataOf(
  reply: MetadataReply,
  expected: Expected,
  onPool: () => void,
): MetadataWorkerData {
  const value = jsonValueOf(reply, expected);
  if (namesPool(value)) onPool();
  return shaped(reply, value, validateMetadataWorkerData, expected);
}

/** Whether this machine was made for a worker pool. */
export function namesPool(value: unknown): boolean {
  const wrong = complaints(validateMetadataWorkerData, value);
  return (
    isJsonObject(value) &&
    !wrong.some(
      ({ instancePath, params }) =>
        instancePath === '/workerPoolId' || params.missingProperty === 'workerPoolId',
    )
  );
}

/**
 * How a machine registers that worker-manager has made.
 * @param refusedTries see RegistrationPatience
 */
export function provisionedRegistration(
  providerId: string,
  prove: (signal: AbortSignal) => Promise<JsonObject>,
  refusedTries = 1,
): Registration {
  return {
    kind: 'register',
    providerId,
    prove,
    patience: { unknownWorkerForMs: UNKNOWN_WORKER_MS, refusedTries },
    ifRefused: REFUSED_ADVICE,
  };
}

/** Who the worker is. */
export function workerIdentity(data: MetadataWorkerData, workerId: string): WorkerIdentity {
  return {
    // A slash at its end makes no difference.
    rootUrl: data.rootUrl.replace(/\/+$/, ''),
    workerPoolId: data.workerPoolId,
    workerGroup: data.workerGroup,
    workerId,
  };
}

/** Provider metadata: what this machine does not have is left out. */
export function withoutAbsent(
  metadata: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const present: Record<string, string> = {};
  for (const [key, value] of Object.entries(metadata)) {
    if (value !== undefined && value !== '') present[key] = value;
  }
  return present;
}
