/** Where the instance metadata service is, and how it is recognized. */
import { placeOfService } from '../../metadata/endpoint.ts';
import type { MetadataReply, MetadataService } from '../../metadata/metadata.ts';
import { looksLikeToken, TOKEN_PATH } from './token.ts';

/** Amazon's own SDKs honor it too: a URL. */
const OVERRIDE = 'AWS_EC2_METADATA_SERVICE_ENDPOINT';

/** IPv6 answers where it is enabled for the instance. */
const ORIGINS = ['http://169.254.169.254', 'http://[fd00:ec2::254]'];

/** @throws RunnerError of exit `config` where AWS_EC2_METADATA_SERVICE_ENDPOINT is no URL */
export function awsMetadataService(env: NodeJS.ProcessEnv): MetadataService {
  return {
    name: 'the AWS metadata service',
    recognizes: isTokenReply,
    ...placeOfService(ORIGINS, env, OVERRIDE, 'url'),
  };
}

/** Other clouds imitate the rest of it; sessions are Amazon's. */
function isTokenReply(reply: MetadataReply): boolean {
  return reply.status === 200 && reply.url.endsWith(TOKEN_PATH) && looksLikeToken(reply.text.trim());
}
