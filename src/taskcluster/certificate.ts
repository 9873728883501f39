/** A certificate that was refused, in words that let a person act. */
import https from 'node:https';
import { type PeerCertificate, TLSSocket } from 'node:tls';
import type { Redactor } from '../logging/redactor.ts';
import { watchOpening } from './attempt.ts';
import { type Failure, untrusted } from './failure.ts';
import { quote } from './text.ts';
import { mayBeUnknownIssuer } from './trust.ts';

/**
 * Fetches the certificate of a server without accepting it. Nothing but the TLS handshake is sent: the request is
 * never written, and the connection is closed as soon as the certificate is there.
 * @returns undefined where the server shows none in time
 */
export function lookAtCertificate(
  url: string,
  agentOptions: https.AgentOptions,
  signal: AbortSignal,
): Promise<PeerCertificate | undefined> {
  const agent = new https.Agent({ ...agentOptions, rejectUnauthorized: false, keepAlive: false });
  const { promise, resolve } = Promise.withResolvers<PeerCertificate | undefined>();
  const { result: request, opened } = watchOpening(agent, () => https.request(url, { agent, signal }));
  request.on('error', () => resolve(undefined));
  request.once('socket', secure => {
    if (!(secure instanceof TLSSocket)) return;
    const take = (): void => {
      const certificate = secure.getPeerCertificate();
      resolve(Object.keys(certificate).length === 0 ? undefined : certificate);
      request.destroy();
    };
    // Through a proxy the handshake is over before the socket is handed out.
    if (secure.getProtocol() !== null && Object.keys(secure.getPeerCertificate()).length > 0) take();
    else secure.once('secureConnect', take);
  });
  return promise.finally(() => {
    agent.destroy();
    opened?.destroy();
  });
}

/**
 * @param problem what is wrong with it, such as `it has expired`
 * @param certificate as the server showed it, where it did
 * @param nowMs our clock: the commonest reason for "expired" and "not valid yet" on a machine that just booted
 */
export function untrustedCertificate(
  host: string,
  refusal: { readonly code: string; readonly problem: string; readonly cause: unknown },
  certificate: PeerCertificate | undefined,
  nowMs: number,
  redactor: Redactor,
): Failure {
  const { code, problem, cause } = refusal;
  const about = certificate === undefined ? '' : `; ${certificateWords(certificate, redactor)}`;
  const words =
    `the certificate of ${host} is not accepted: ${problem} (${code})${about}` +
    `; our clock says ${new Date(nowMs).toISOString()}`;
  return untrusted(words, { advice: adviceFor(code, host), cause });
}

function certificateWords(certificate: PeerCertificate, redactor: Redactor): string {
  const names = certificate.subjectaltname;
  return [
    `subject ${nameWords(certificate.subject, redactor)}`,
    ...(names === undefined ? [] : [`names ${quote(names, redactor, 200)}`]),
    `issuer ${nameWords(certificate.issuer, redactor)}`,
    `valid from ${dateWords(certificate.valid_from, redactor)} to ${dateWords(certificate.valid_to, redactor)}`,
  ].join(', ');
}

/** A certificate comes from the other side: any field of it may be missing, doubled or strange. */
function nameWords(name: Partial<Record<string, string | string[]>> | undefined, redactor: Redactor): string {
  const parts = Object.entries(name ?? {}).map(([key, value]) => `${key}=${String(value)}`);
  return parts.length === 0 ? '(none)' : `"${quote(parts.join(', '), redactor, 200)}"`;
}

function dateWords(text: string, redactor: Redactor): string {
  const time = Date.parse(text);
  return Number.isNaN(time) ? quote(text, redactor, 40) : new Date(time).toISOString();
}

function adviceFor(code: string, host: string): string {
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return 'if our clock is wrong, set it (is time synchronization running?); else the server needs a new certificate';
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'HOSTNAME_MISMATCH') {
    return `use a name of the certificate in rootURL, or give the server a certificate for ${host}`;
  }
  if (mayBeUnknownIssuer(code)) {
    return "if the issuer is your own CA, add it to the operating system's store or name its PEM file in SSL_CERT_FILE or NODE_EXTRA_CA_CERTS";
  }
  return 'the server needs another certificate';
}
