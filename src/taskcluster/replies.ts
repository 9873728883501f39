/** What worker-manager and secrets answer, checked against the schemas and turned into our own words. */
import {
  validateTaskclusterRegisterWorkerReply,
  validateTaskclusterReregisterWorkerReply,
  validateTaskclusterSecretReply,
} from '../generated/validators.js';
import { isJsonObject, type JsonObject } from '../json.ts';
import type { Redactor } from '../logging/redactor.ts';
import type { Credentials, Registered } from '../model.ts';
import { complaints, describeComplaints, type Validator } from '../validator.ts';
import type { Renewal } from './taskcluster.ts';

/** Thrown by a reader: the reply has another shape than the service's. The message says where, never a value. */
export class WrongShape extends Error {
  override readonly name = 'WrongShape';
}

/** Makes a reply's value our own. What is secret in it is known to the redactor before anything else happens. */
export type Reader<T> = (value: unknown, redactor: Redactor) => T;

/** As deep as a runner config may be: whoever looks through a configuration later may do so recursively. */
const DEEPEST = 100;

/** @throws WrongShape where objects and arrays are nested deeper than any configuration */
export function checkDepth(value: unknown): void {
  let level: readonly unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEEPEST) throw new WrongShape(`it is nested more than ${DEEPEST} levels deep`);
    level = level
      .filter(item => typeof item === 'object' && item !== null)
      .flatMap((item): unknown[] => Object.values(item));
  }
}

export function readRegistration(value: unknown, redactor: Redactor): Registered {
  learnSecrets(value, redactor);
  const reply = check(validateTaskclusterRegisterWorkerReply, value);
  return {
    credentials: readCredentials(reply.credentials),
    credentialsExpireAt: readDate(reply.expires),
    ...(isFilled(reply.secret) ? { registrationSecret: reply.secret } : {}),
    // It was parsed from JSON, so it holds nothing else.
    providerConfig: (reply.workerConfig ?? {}) as JsonObject,
  };
}

export function readRenewal(value: unknown, redactor: Redactor): Renewal {
  learnSecrets(value, redactor);
  const reply = check(validateTaskclusterReregisterWorkerReply, value);
  return {
    credentials: readCredentials(reply.credentials),
    expiresAt: readDate(reply.expires),
    secret: reply.secret,
  };
}

export function readSecret(value: unknown): JsonObject {
  return check(validateTaskclusterSecretReply, value).secret as JsonObject;
}

/** For calls whose reply says nothing but that it worked. */
export function readNothing(value: unknown): void {
  if (!isJsonObject(value)) throw new WrongShape('the value must be object');
}

function check<T>(validator: Validator<T>, value: unknown): T {
  if (validator(value)) return value;
  throw new WrongShape(describeComplaints(complaints(validator, value)));
}

function readDate(text: string): Date {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw new WrongShape('/expires must be a date');
  return date;
}

function readCredentials(reply: {
  readonly clientId: string;
  readonly accessToken: string;
  readonly certificate?: unknown;
}): Credentials {
  const { clientId, accessToken } = reply;
  const certificate = certificateText(reply.certificate);
  return { clientId, accessToken, ...(certificate === '' ? {} : { certificate }) };
}

/** Services send the certificate as JSON or as the text of it; everyone who takes it on wants the text. */
function certificateText(certificate: unknown): string {
  if (typeof certificate !== 'string') return isJsonObject(certificate) ? JSON.stringify(certificate) : '';
  if (certificate !== '' && !isJsonObject(parseJson(certificate))) {
    throw new WrongShape('/credentials/certificate must be a JSON object');
  }
  return certificate;
}

/** Before the shape is checked: a reply that is wrong in one place has its secrets in the others. */
function learnSecrets(value: unknown, redactor: Redactor): void {
  if (!isJsonObject(value)) return;
  learn(value.secret, redactor);
  if (isJsonObject(value.credentials)) learnCredentials(value.credentials, redactor);
}

/** The access token, the certificate, and of this also the signature: a worker may print it parsed. */
export function learnCredentials(
  credentials: { readonly accessToken?: unknown; readonly certificate?: unknown },
  redactor: Redactor,
): void {
  const { accessToken, certificate } = credentials;
  learn(accessToken, redactor);
  const parsed = typeof certificate === 'string' ? parseJson(certificate) : certificate;
  learn(typeof certificate === 'string' ? certificate : JSON.stringify(certificate), redactor);
  if (isJsonObject(parsed)) learn(parsed.signature, redactor);
}

function learn(value: unknown, redactor: Redactor): void {
  if (isFilled(value)) redactor.add(value);
}

function isFilled(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
