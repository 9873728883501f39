/** A throw-away certificate authority and a certificate of it, for a Taskcluster over TLS. */
import { isIP } from 'node:net';

export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
  /** The certificate of the authority that clients must trust. */
  readonly ca: string;
}

const DAY_MS = 24 * 3_600_000;
const KEY = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

/**
 * @param host the address that is listened on; the certificate names it beside localhost and its addresses
 * @param flaw what is wrong with the certificate
 */
export async function createCertificate(
  host: string,
  flaw: 'good' | 'expired' | 'other-host',
): Promise<ServerCertificate> {
  const { generate } = await import('selfsigned');
  const authority = await generate([{ name: 'commonName', value: 'simulate-cloud throw-away CA' }], {
    ...KEY,
    notBeforeDate: daysFromNow(-3),
    notAfterDate: daysFromNow(30),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, digitalSignature: true, critical: true },
    ],
  });
  const names = flaw === 'other-host' ? ['other-host.example'] : ['localhost', '127.0.0.1', '::1', host];
  const server = await generate([{ name: 'commonName', value: names[0] ?? host }], {
    ...KEY,
    notBeforeDate: daysFromNow(-2),
    notAfterDate: daysFromNow(flaw === 'expired' ? -1 : 30),
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: [...new Set(names)].map(alternativeName) },
    ],
  });
  return { cert: server.cert, key: server.private, ca: authority.cert };
}

function daysFromNow(days: number): Date {
  return new Date(Date.now() + days * DAY_MS);
}

function alternativeName(name: string): { type: 2; value: string } | { type: 7; ip: string } {
  return isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name };
}
