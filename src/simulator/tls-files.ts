/** Where the certificate of the simulated service comes from, and where clients find what to trust. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { messageOf, RunnerError } from '../errors.ts';
import { createCertificate, type ServerCertificate } from './certificates.ts';
import type { TlsSetting } from './scenario.ts';

export interface TlsFiles extends ServerCertificate {
  /** The absolute path of `ca`: for SSL_CERT_FILE. */
  readonly caFile: string;
  remove(): Promise<void>;
}

/** @throws RunnerError with exit `config` where a file cannot be read */
export async function prepareTls(setting: TlsSetting, host: string): Promise<TlsFiles> {
  if (setting.kind === 'files') {
    const [cert, key, ca] = await Promise.all([setting.cert, setting.key, setting.ca].map(readPem));
    return {
      cert: cert ?? '',
      key: key ?? '',
      ca: ca ?? '',
      caFile: resolve(setting.ca),
      remove: () => Promise.resolve(),
    };
  }
  const certificate = await createCertificate(host, setting.certificate);
  const folder = await mkdtemp(join(tmpdir(), 'simulate-cloud-'));
  const caFile = join(folder, 'ca.pem');
  await writeFile(caFile, certificate.ca);
  return { ...certificate, caFile, remove: () => rm(folder, { recursive: true, force: true }) };
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new RunnerError('simulator.tls', `tls: ${path} cannot be read: ${messageOf(error)}`, {
      exit: 'config',
    });
  }
}
