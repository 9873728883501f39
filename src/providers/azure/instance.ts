/** What Azure's metadata service says of this VM, in one answer: asked for once, and shared by whoever needs it. */
import type { MetadataAzureInstance } from '../../generated/types.ts';
import { validateMetadataAzureInstance } from '../../generated/validators.js';
import type { MetadataClient, MetadataReply } from '../../metadata/metadata.ts';
import { jsonValueOf, shaped } from '../../metadata/read.ts';
import { shared } from '../shared.ts';
import { namesPool } from '../worker-data.ts';
import { metadataRequest } from './service.ts';
import { dataOfTags } from './tags.ts';

export interface AzureInstance extends MetadataAzureInstance {
  /** What worker-manager's tags say. */
  readonly tags: Readonly<Record<string, string>>;
  /** Where this stands, for errors. */
  readonly url: string;
}

/** @throws RunnerError with exit `metadata`; the signal's reason */
export type AskInstance = (signal: AbortSignal) => Promise<AzureInstance>;

/** @param onPool called where a worker pool is named, also where the rest is not what it should be */
export function createAskInstance(client: MetadataClient, onPool: () => void): AskInstance {
  // The request ends with the client.
  const never = new AbortController().signal;
  let known: AzureInstance | undefined;
  const ask = shared(async () => {
    const request = metadataRequest('instance', '2025-04-07');
    known = await client.read(request, reply => instanceOf(reply, onPool), never);
    return known;
  });
  return async signal => known ?? ask(signal);
}

function instanceOf(reply: MetadataReply, onPool: () => void): AzureInstance {
  const expected = { what: 'the metadata of this VM' };
  const value = jsonValueOf(reply, expected);
  const tags = dataOfTags(value);
  if (namesPool(tags)) onPool();
  const instance = shaped(reply, value, validateMetadataAzureInstance, expected);
  return { ...instance, tags, url: reply.url };
}
