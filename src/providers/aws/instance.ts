/** What EC2 tells this instance about itself: everything at the same time, with as few requests as there can be. */
import type { MetadataAwsInstanceIdentity } from '../../generated/types.ts';
import { validateMetadataAwsInstanceIdentity } from '../../generated/validators.js';
import type { MetadataReply } from '../../metadata/metadata.ts';
import { type Expected, jsonOf, optionalWordOf, textOf, wrongShape } from '../../metadata/read.ts';
import type { Identified } from '../../model.ts';
import type { ProviderWorld } from '../provider.ts';
import { askTogether } from '../questions.ts';
import { withoutAbsent, workerDataOf, workerIdentity } from '../worker-data.ts';
import type { Imds } from './imds.ts';

interface AwsInstance {
  readonly identified: Identified;
  readonly providerId: string;
  /** What worker-manager checks: the signature is over the exact bytes of the document. */
  readonly proof: { readonly document: string; readonly signature: string };
}

const WORKER_DATA: Expected = {
  what: 'JSON with workerPoolId, providerId, workerGroup and rootUrl (the user data of the instance)',
  advice:
    'worker-manager sets this user data on the instances that it creates: this instance was not made by it, or its user data was changed since',
};

/**
 * @param onPool called as soon as a worker pool is named, whatever becomes of the other values
 * @throws RunnerError with exit `metadata`; the signal's reason
 */
export async function readInstance(
  imds: Imds,
  onPool: () => void,
  world: ProviderWorld,
  signal: AbortSignal,
): Promise<AwsInstance> {
  const { data, needed, optional } = await askTogether(
    {
      data: asking => imds.read('user-data', reply => workerDataOf(reply, WORKER_DATA, onPool), asking),
      needed: asking => readIdentity(imds, asking),
      optional: {
        'public-hostname': asking => imds.read('meta-data/public-hostname', optionalWordOf, asking),
        'public-ipv4': asking => imds.read('meta-data/public-ipv4', optionalWordOf, asking),
      },
    },
    world,
    signal,
  );
  const { document, identity, signature } = needed;
  const { instanceId, region, availabilityZone } = identity;
  return {
    providerId: data.providerId,
    proof: { document, signature },
    identified: {
      identity: workerIdentity(data, instanceId),
      location: { cloud: 'aws', region, availabilityZone },
      metadata: withoutAbsent({
        'instance-id': instanceId,
        image: identity.imageId,
        'instance-type': identity.instanceType,
        region,
        'availability-zone': availabilityZone,
        'local-ipv4': identity.privateIp ?? undefined,
        ...optional,
      }),
    },
  };
}

/** The id alone, which one small request gives. @throws RunnerError with exit `metadata`; the signal's reason */
export function readInstanceId(imds: Imds, signal: AbortSignal): Promise<string> {
  const expected = { what: "the instance's id" };
  function read(reply: MetadataReply): string {
    const id = textOf(reply, expected).trim();
    if (/^i-\w+$/.test(id)) return id;
    throw wrongShape(reply, expected, 'it gives other text');
  }
  return imds.read('meta-data/instance-id', read, signal);
}

async function readIdentity(imds: Imds, signal: AbortSignal) {
  const [document, signature] = await Promise.all([
    imds.read('dynamic/instance-identity/document', readDocument, signal),
    imds.read('dynamic/instance-identity/signature', readSignature, signal),
  ]);
  return { ...document, signature };
}

/** Also as it is: the proof is over its bytes. */
function readDocument(reply: MetadataReply): {
  readonly document: string;
  readonly identity: MetadataAwsInstanceIdentity;
} {
  const expected = { what: 'the instance identity document' };
  return { document: reply.text, identity: jsonOf(reply, validateMetadataAwsInstanceIdentity, expected) };
}

function readSignature(reply: MetadataReply): string {
  const expected = { what: 'the signature of the instance identity document (base64)' };
  const signature = textOf(reply, expected);
  if (/^[\w+/=\s]+$/.test(signature)) return signature;
  throw wrongShape(reply, expected, 'it gives other text');
}
