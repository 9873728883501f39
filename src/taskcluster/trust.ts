/**
 * Whom we trust over TLS: Node's own roots (and NODE_EXTRA_CA_CERTS, which is Node's own business), and if these do not
 * do, the operating system's store with SSL_CERT_FILE and SSL_CERT_DIR. The second step costs tens of milliseconds of
 * processor time, so it is taken only after a certificate was refused: a public certificate never pays for it.
 */
import { X509Certificate } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { messageOf } from '../errors.ts';
import type { Log } from '../logging/log.ts';

/** OpenSSL's verification results as Node names them, and the one of Node's own: a wrong name. */
const VERIFICATION_ERRORS: ReadonlyMap<string, string> = new Map([
  ['UNABLE_TO_GET_ISSUER_CERT', 'its issuer is unknown here'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'its issuer is unknown here'],
  [
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'its issuer is unknown here, or the server does not send the intermediate certificates',
  ],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'it is self-signed'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'the CA it leads to is unknown here'],
  ['CERT_UNTRUSTED', 'its CA is not trusted for this use'],
  ['CERT_HAS_EXPIRED', 'it has expired'],
  ['CERT_NOT_YET_VALID', 'it is not valid yet'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'it is for another host'],
  ['HOSTNAME_MISMATCH', 'it is for another host'],
  ['CERT_REVOKED', 'it has been revoked'],
  ['CERT_REJECTED', 'its CA does not vouch for this use'],
  ['CERT_SIGNATURE_FAILURE', 'its signature is wrong'],
  ['CERT_CHAIN_TOO_LONG', 'its chain is too long'],
  ['INVALID_CA', 'its issuer is no CA'],
  ['INVALID_PURPOSE', 'it is not for servers'],
  ['PATH_LENGTH_EXCEEDED', 'its chain is longer than its CA allows'],
  ['EE_KEY_TOO_SMALL', 'its key is too small'],
  ['CA_KEY_TOO_SMALL', "its CA's key is too small"],
  ['CA_MD_TOO_WEAK', 'its signature algorithm is too weak'],
  ['ERROR_IN_CERT_NOT_BEFORE_FIELD', 'its dates are malformed'],
  ['ERROR_IN_CERT_NOT_AFTER_FIELD', 'its dates are malformed'],
]);

/** Why a certificate was refused, in words; undefined where the error is about something else. */
export function verificationProblem(code: string | undefined): string | undefined {
  return code === undefined ? undefined : VERIFICATION_ERRORS.get(code);
}

/** More roots mend these; they do not mend dates and names. */
export function mayBeUnknownIssuer(code: string | undefined): boolean {
  return code !== undefined && /ISSUER|SELF_SIGNED|LEAF_SIGNATURE|UNTRUSTED/.test(code);
}

/** Everything that this machine trusts, parsed once for all connections. */
export async function machineTrust(env: NodeJS.ProcessEnv, log: Log): Promise<SecureContext> {
  const ca = new Set([
    ...getCACertificates('default'),
    ...systemCertificates(log),
    ...(await namedByEnvironment(env, log)),
  ]);
  return createSecureContext({ ca: [...ca] });
}

function systemCertificates(log: Log): readonly string[] {
  try {
    return getCACertificates('system');
  } catch (error) {
    log.warn(`the operating system's store of certificates cannot be read: ${messageOf(error)}`);
    return [];
  }
}

/**
 * On Linux Node's view of the system store follows these variables; on macOS and Windows it does not, so we read them.
 */
async function namedByEnvironment(env: NodeJS.ProcessEnv, log: Log): Promise<readonly string[]> {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: folders } = env;
  const found = await Promise.all([
    ...(isSet(file) ? [readBundle(file, 'SSL_CERT_FILE', log)] : []),
    ...(isSet(folders)
      ? folders
          .split(delimiter)
          .filter(isSet)
          .map(folder => readFolder(folder, log))
      : []),
  ]);
  return found.flat();
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

/** Any file of the folder: whether it carries a hash as its name does not matter to us. */
async function readFolder(folder: string, log: Log): Promise<readonly string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const files = entries.filter(entry => entry.isFile() || entry.isSymbolicLink());
    const bundles = await Promise.all(
      files.map(entry => readBundle(join(folder, entry.name), 'SSL_CERT_DIR', log)),
    );
    return bundles.flat();
  } catch (error) {
    log.warn(`SSL_CERT_DIR: ${messageOf(error)}`);
    return [];
  }
}

async function readBundle(path: string, variable: string, log: Log): Promise<readonly string[]> {
  try {
    const text = await readFile(path, 'latin1');
    return (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).filter(
      isCertificate,
    );
  } catch (error) {
    log.warn(`${variable}: ${messageOf(error)}`);
    return [];
  }
}

/** One malformed certificate would make OpenSSL refuse them all. */
function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}
