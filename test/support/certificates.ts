/** Certificates made on the spot: none is ever committed. */
import { generate } from 'selfsigned';

export interface Authority {
  readonly key: string;
  readonly cert: string;
}

export interface ServerCertificateOptions {
  readonly names?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

const DAY_MS = 86_400_000;

/** @param commonName must differ between the authorities of a test: OpenSSL finds issuers by name */
export async function makeAuthority(commonName: string): Promise<Authority> {
  const made = await generate([{ name: 'commonName', value: commonName }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - DAY_MS),
    notAfterDate: new Date(Date.now() + DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { key: made.private, cert: made.cert };
}

/** For 127.0.0.1 and localhost, valid now, if not told otherwise. */
export async function makeServerCertificate(
  authority: Authority,
  options: ServerCertificateOptions = {},
): Promise<{ readonly key: string; readonly cert: string }> {
  const names = options.names ?? ['localhost'];
  const made = await generate([{ name: 'commonName', value: names[0] ?? 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    ca: authority,
    notBeforeDate: options.notBefore ?? new Date(Date.now() - DAY_MS),
    notAfterDate: options.notAfter ?? new Date(Date.now() + DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: names.map(value => ({ type: 2, value })) },
    ],
  });
  return { key: made.private, cert: made.cert };
}
