/** How Google's metadata service is reached, asked and recognized. */
import { RunnerError } from '../../errors.ts';
import { placeOfService } from '../../metadata/endpoint.ts';
import { UNREADABLE } from '../../metadata/failure.ts';
import type { MetadataReply, MetadataRequest, MetadataService } from '../../metadata/metadata.ts';
import { type Expected, textOf, wrongShape } from '../../metadata/read.ts';

/** Google's own libraries honor it too: a host, or host:port. */
const OVERRIDE = 'GCE_METADATA_HOST';

const ORIGINS = ['http://169.254.169.254', 'http://[fd20:ce::254]'];

/** @throws RunnerError of exit `config` where GCE_METADATA_HOST is no host */
export function googleMetadataService(env: NodeJS.ProcessEnv): MetadataService {
  return {
    name: 'the Google metadata service',
    recognizes: isGoogles,
    ...placeOfService(ORIGINS, env, OVERRIDE, 'host'),
  };
}

/** @param path below /computeMetadata/v1/, such as `instance/id` */
export function metadataRequest(path: string): MetadataRequest {
  return { path: `/computeMetadata/v1/${path}`, headers: { 'Metadata-Flavor': 'Google' } };
}

function isGoogles(reply: MetadataReply): boolean {
  return reply.headers['metadata-flavor'] === 'Google';
}

/**
 * A reader for client.read and askOnce that first sees who answered: Google marks every answer with a header.
 * @throws RunnerError `metadata.unreadable` where it is not there
 */
export function googles<T>(read: (reply: MetadataReply) => T): (reply: MetadataReply) => T {
  return reply => {
    if (isGoogles(reply)) return read(reply);
    throw new RunnerError(
      UNREADABLE,
      `${reply.url} was answered (${reply.status}) without the header Metadata-Flavor: Google`,
      {
        exit: 'metadata',
        advice:
          'something else than the Google metadata service answers at this address: another cloud, a captive portal or a proxy',
      },
    );
  };
}

/**
 * What the pattern's first group finds in the reply's text.
 * @throws RunnerError `metadata.wrong-shape` where it finds nothing; as textOf
 */
export function matchOf(reply: MetadataReply, pattern: RegExp, expected: Expected): string {
  const found = pattern.exec(textOf(reply, expected).trim())?.[1];
  if (found !== undefined) return found;
  throw wrongShape(reply, expected, 'it gives other text');
}
