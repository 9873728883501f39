/** Taskcluster's temporary credentials: https://docs.taskcluster.net/docs/manual/design/apis/hawk/temporary-credentials */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { isJsonObject, type JsonObject } from '../json.ts';
import { apiError } from './api-error.ts';

/** The client in whose name credentials are issued: worker-manager itself. */
export interface Issuer {
  readonly clientId: string;
  readonly accessToken: string;
}

interface TemporaryCredentials {
  readonly clientId: string;
  readonly accessToken: string;
  /** JSON text. */
  readonly certificate: string;
}

interface Certificate {
  readonly version: 1;
  readonly issuer: string;
  readonly seed: string;
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly expiry: number;
  readonly scopes: readonly string[];
  readonly signature: string;
}

/** 44 characters, as access tokens, registration secrets and seeds have them. */
export function randomToken(): string {
  return randomBytes(33).toString('base64url');
}

interface Grant {
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly start: Date;
  readonly expiry: Date;
}

export function issueCredentials(issuer: Issuer, grant: Grant): TemporaryCredentials {
  const unsigned = {
    version: 1,
    issuer: issuer.clientId,
    seed: randomToken(),
    start: grant.start.getTime(),
    expiry: grant.expiry.getTime(),
    scopes: grant.scopes,
  } as const;
  const certificate: Certificate = { ...unsigned, signature: sign(issuer, grant.clientId, unsigned) };
  return {
    clientId: grant.clientId,
    accessToken: accessTokenOf(issuer, certificate.seed),
    certificate: JSON.stringify(certificate),
  };
}

export interface CheckedCertificate {
  readonly accessToken: string;
  readonly scopes: readonly string[];
}

/**
 * What a certificate that came with a call is good for.
 * @param nowMs the service's clock
 * @throws ApiError AuthenticationFailed where it is not ours, was changed, or is not in force
 */
export function checkCertificate(
  issuer: Issuer,
  clientId: string,
  value: unknown,
  nowMs: number,
): CheckedCertificate {
  if (!isCertificate(value))
    throw apiError('AuthenticationFailed', 'the certificate in ext has not the right shape');
  if (value.issuer !== issuer.clientId)
    throw apiError('AuthenticationFailed', 'the issuer of the certificate is unknown');
  if (!sameText(value.signature, sign(issuer, clientId, value))) {
    throw apiError('AuthenticationFailed', 'the signature of the certificate does not fit its content');
  }
  if (value.start > nowMs)
    throw apiError(
      'AuthenticationFailed',
      'the credentials are not yet in force: ext.certificate.start > now',
    );
  if (value.expiry < nowMs)
    throw apiError('AuthenticationFailed', 'the credentials have expired: ext.certificate.expiry < now');
  return { accessToken: accessTokenOf(issuer, value.seed), scopes: value.scopes };
}

function isCertificate(value: unknown): value is Certificate & JsonObject {
  if (!isJsonObject(value)) return false;
  const { version, issuer, seed, start, expiry, scopes, signature } = value;
  return (
    version === 1 &&
    [issuer, seed, signature].every(text => typeof text === 'string') &&
    [start, expiry].every(time => typeof time === 'number') &&
    Array.isArray(scopes) &&
    scopes.every(scope => typeof scope === 'string')
  );
}

function sign(issuer: Issuer, clientId: string, certificate: Omit<Certificate, 'signature'>): string {
  const lines = [
    `version:${certificate.version}`,
    `clientId:${clientId}`,
    `issuer:${certificate.issuer}`,
    `seed:${certificate.seed}`,
    `start:${certificate.start}`,
    `expiry:${certificate.expiry}`,
    'scopes:',
    ...certificate.scopes,
  ];
  return createHmac('sha256', issuer.accessToken).update(lines.join('\n')).digest('base64');
}

function accessTokenOf(issuer: Issuer, seed: string): string {
  return createHmac('sha256', issuer.accessToken).update(seed).digest('base64url');
}

function sameText(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
