/** How Azure's metadata service is reached and asked. */
import { placeOfService } from '../../metadata/endpoint.ts';
import type { MetadataRequest, MetadataService } from '../../metadata/metadata.ts';

/** Of our own making: Azure has no convention. A URL. */
const OVERRIDE = 'AZURE_METADATA_SERVICE_ENDPOINT';

const ORIGINS = ['http://169.254.169.254'];

/** @throws RunnerError of exit `config` where AZURE_METADATA_SERVICE_ENDPOINT is no URL */
export function azureMetadataService(env: NodeJS.ProcessEnv): MetadataService {
  return {
    name: 'the Azure metadata service',
    // No header marks its answers, so the one that the identity is read from does.
    recognizes: reply => reply.status === 200 && /^\s*\{[^]*"compute"/.test(reply.text),
    ...placeOfService(ORIGINS, env, OVERRIDE, 'url'),
  };
}

/** @param path below /metadata/, such as `instance` */
export function metadataRequest(path: string, apiVersion: string): MetadataRequest {
  return { path: `/metadata/${path}?api-version=${apiVersion}`, headers: { Metadata: 'true' } };
}
