/** Who and where this VM is, by Azure's answer about it. */
import type { MetadataWorkerData } from '../../generated/types.ts';
import type { Identified } from '../../model.ts';
import { withoutAbsent, workerIdentity } from '../worker-data.ts';
import type { AzureInstance } from './instance.ts';

export function identifiedBy({ compute, network }: AzureInstance, data: MetadataWorkerData): Identified {
  const { location: region } = compute;
  // Which of several addresses is meant, nobody knows.
  const address = onlyOf(onlyOf(network?.interface)?.ipv4?.ipAddress);
  return {
    identity: workerIdentity(data, compute.name),
    location: { cloud: 'azure', region },
    metadata: withoutAbsent({
      'vm-id': compute.vmId,
      'instance-type': compute.vmSize,
      region,
      'local-ipv4': address?.privateIpAddress,
      'public-ipv4': address?.publicIpAddress,
    }),
  };
}

/** What no other VM has, not even one made from its disk. */
export function instanceId({ compute }: AzureInstance): string {
  const { vmId = '', name } = compute;
  return vmId === '' ? name : vmId;
}

function onlyOf<T>(list: readonly T[] = []): T | undefined {
  return list.length === 1 ? list[0] : undefined;
}
