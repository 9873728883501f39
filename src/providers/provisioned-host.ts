import type { MetadataClient, MetadataService } from '../metadata/metadata.ts';
import type { Host } from './provider.ts';

/**
 * Whose machine a cloud's provider runs on. It is certain to be a worker of the cloud only where the cloud's metadata
 * service has answered on its real address and has named a worker pool: else this may be somebody's laptop.
 */
export function provisionedHost(service: MetadataService, client: MetadataClient, poolNamed: boolean): Host {
  if (service.override !== undefined) {
    return { kind: 'provisioned', mayHalt: false, because: `its metadata comes from ${service.override}` };
  }
  if (client.answeredOnRealAddress && poolNamed) return { kind: 'provisioned', mayHalt: true };
  return { kind: 'provisioned', mayHalt: false, because: 'no metadata service has named a worker pool' };
}
