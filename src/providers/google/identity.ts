/** What Google tells this VM about itself, asked value by value and all at the same time. */
import type { MetadataClient, MetadataReply } from '../../metadata/metadata.ts';
import { type Expected, optionalWordOf } from '../../metadata/read.ts';
import type { Identified } from '../../model.ts';
import type { ProviderWorld } from '../provider.ts';
import { askTogether } from '../questions.ts';
import { withoutAbsent, workerDataOf, workerIdentity } from '../worker-data.ts';
import { googles, matchOf, metadataRequest } from './service.ts';

const WORKER_DATA: Expected = {
  what: 'JSON with workerPoolId, providerId, workerGroup and rootUrl (the instance attribute taskcluster)',
  advice:
    'worker-manager sets this attribute on the VMs that it creates: this VM was not made by it, or its metadata was changed since',
};

const ID: Expected = { what: "the instance's id (digits)" };
const ZONE: Expected = { what: "the instance's zone (projects/…/zones/<region>-<letter>)" };

interface GoogleInstance {
  readonly identified: Identified;
  readonly providerId: string;
}

/**
 * @param onPool called as soon as a worker pool is named, whatever becomes of the other values
 * @throws RunnerError with exit `metadata`; the signal's reason
 */
export async function readInstance(
  client: MetadataClient,
  onPool: () => void,
  world: ProviderWorld,
  signal: AbortSignal,
): Promise<GoogleInstance> {
  function ask<T>(path: string, read: (reply: MetadataReply) => T) {
    return (asking: AbortSignal) => client.read(metadataRequest(path), googles(read), asking);
  }
  const askZone = ask('instance/zone', reply => matchOf(reply, /^(?:\S*\/)?([a-z][a-z0-9-]{3,})$/, ZONE));
  const { data, needed, optional } = await askTogether(
    {
      data: ask('instance/attributes/taskcluster', reply => workerDataOf(reply, WORKER_DATA, onPool)),
      needed: asking => Promise.all([readInstanceId(client, asking), askZone(asking)]),
      optional: {
        'project-id': ask('project/project-id', optionalWordOf),
        image: ask('instance/image', optionalWordOf),
        'instance-type': ask('instance/machine-type', optionalWordOf),
        'public-hostname': ask('instance/hostname', optionalWordOf),
        'public-ipv4': ask('instance/network-interfaces/0/access-configs/0/external-ip', optionalWordOf),
        'local-ipv4': ask('instance/network-interfaces/0/ip', optionalWordOf),
      },
    },
    world,
    signal,
  );
  const [id, zone] = needed;
  // A zone is named after its region: us-central1-a.
  const region = zone.slice(0, -2);
  return {
    providerId: data.providerId,
    identified: {
      identity: workerIdentity(data, id),
      location: { cloud: 'google', region, zone },
      metadata: withoutAbsent({ 'instance-id': id, ...optional, zone, region }),
    },
  };
}

/** @throws RunnerError with exit `metadata`; the signal's reason */
export function readInstanceId(client: MetadataClient, signal: AbortSignal): Promise<string> {
  const read = googles(reply => matchOf(reply, /^([0-9]{1,38})$/, ID));
  return client.read(metadataRequest('instance/id'), read, signal);
}
