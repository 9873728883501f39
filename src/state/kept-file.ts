/** The text of a kept state: what this start writes, and what it makes of a text that it finds. */
import type { StateKept, StateReference } from '../generated/types.ts';
import { validateStateKept, validateStateReference } from '../generated/validators.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import type { Identified, Registered } from '../model.ts';
import { complaints, describeComplaints, type Validator } from '../validator.ts';
import { workerName } from '../worker-name.ts';
import type { KeptState } from './state.ts';

const VERSION = 1;

export type ReadState =
  | { readonly kind: 'state'; readonly state: KeptState }
  /** `why` ends a sentence that begins with the file's path; it holds nothing of the file's values. */
  | { readonly kind: 'unusable'; readonly why: string };

/** A Date becomes its ISO text, what is undefined is left out. */
export function textOfState(state: KeptState): string {
  return `${JSON.stringify({ version: VERSION, ...state }, null, 2)}\n`;
}

/** @param provider the `providerType` of this start: the reference's file names none */
export function readState(text: string, provider: string): ReadState {
  if (text.trim() === '') return unusable('is empty');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not the parser's own words: they quote the text.
    return unusable('is not JSON');
  }
  if (!isJsonObject(value)) return unusable('is no JSON object');
  const { version } = value;
  if (version === undefined && 'RootURL' in value) {
    return read(value, validateStateReference, file => stateOfReference(file, provider));
  }
  if (typeof version === 'number' && version > VERSION)
    return unusable('was written by a newer start-worker');
  return read(value, validateStateKept, stateOf);
}

function unusable(why: string): ReadState {
  return { kind: 'unusable', why };
}

function read<T>(value: JsonObject, validator: Validator<T>, make: (file: T) => KeptState): ReadState {
  if (validator(value)) return { kind: 'state', state: make(value) };
  const wrong = describeComplaints(complaints(validator, value));
  return unusable(`is not what start-worker writes there (${wrong})`);
}

function stateOf(file: StateKept): KeptState {
  const { phase, provider, instance, identified, registered, secrets, finished } = file;
  const { credentials, credentialsExpireAt, registrationSecret, providerConfig } = registered;
  return {
    phase,
    provider,
    instance,
    // All of it was parsed from JSON, so it holds nothing else.
    identified: identified as Identified,
    registered: {
      credentials,
      ...(credentialsExpireAt === undefined ? {} : { credentialsExpireAt: new Date(credentialsExpireAt) }),
      ...(registrationSecret === undefined ? {} : { registrationSecret }),
      providerConfig: providerConfig as JsonObject,
    },
    secrets: secrets as KeptState['secrets'],
    ...(finished === undefined ? {} : { finished: finished as JsonObject }),
  };
}

const CLOUDS: readonly (string | undefined)[] = ['aws', 'azure', 'google'];

/** The reference writes its file once, before it writes the files of pool and secrets, and starts the worker. */
function stateOfReference(file: StateReference, provider: string): KeptState {
  const identity = {
    rootUrl: file.RootURL.replace(/\/+$/, ''),
    workerPoolId: file.WorkerPoolID,
    workerGroup: file.WorkerGroup,
    workerId: file.WorkerID,
  };
  const metadata = (file.ProviderMetadata ?? {}) as JsonObject;
  const location = file.WorkerLocation ?? {};
  // On a cloud `cloud` says who wrote it; elsewhere the user may have set it to anything.
  const writer = CLOUDS.includes(location.cloud) ? (location.cloud ?? provider) : provider;
  const instanceId = metadata['instance-id'] ?? metadata['vm-id'];
  return {
    phase: 'ready',
    provider: writer,
    instance: CLOUDS.includes(writer) ? wordOr(instanceId, identity.workerId) : workerName(identity),
    identified: { identity, location, metadata },
    registered: registeredOfReference(file),
    secrets: [],
    finished: file.WorkerConfig as JsonObject,
  };
}

function registeredOfReference({
  Credentials: { clientId, accessToken, certificate },
  CredentialsExpire: expires,
  RegistrationSecret: secret,
}: StateReference): Registered {
  const expireAt = new Date(expires ?? 0);
  return {
    credentials: { clientId, accessToken, ...(isFilled(certificate) ? { certificate } : {}) },
    // Go's zero time is the year 1: nobody said when they end.
    ...(expireAt.getTime() > 0 ? { credentialsExpireAt: expireAt } : {}),
    ...(isFilled(secret) ? { registrationSecret: secret } : {}),
    providerConfig: {},
  };
}

function wordOr(value: JsonValue | undefined, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise;
}

function isFilled(text: string | null | undefined): text is string {
  return text !== undefined && text !== null && text !== '';
}
