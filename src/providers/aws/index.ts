/** An EC2 instance that worker-manager's aws provider made. */
import { createMetadataClient } from '../../metadata/client.ts';
import type { Provider, ProviderWorld } from '../provider.ts';
import { provisionedHost } from '../provisioned-host.ts';
import { recognizeBy } from '../recognize.ts';
import { provisionedRegistration } from '../worker-data.ts';
import { createImds } from './imds.ts';
import { readInstance, readInstanceId } from './instance.ts';
import { awsNoticeSources } from './notices.ts';
import { awsMetadataService } from './service.ts';
import { createTokens } from './token.ts';

/** @throws RunnerError of exit `config` where AWS_EC2_METADATA_SERVICE_ENDPOINT is no URL */
export function createAwsProvider(world: ProviderWorld): Provider {
  const { clock, log } = world;
  const service = awsMetadataService(world.env);
  const { giveUpAfterMs } = world.metadata;
  const client = createMetadataClient({ service, clock, log, giveUpAfterMs });
  const imds = createImds(client, createTokens(client, clock));
  let poolNamed = false;
  return {
    name: 'aws',
    noticeSources: awsNoticeSources(imds, world.interruptions),
    async identify(signal) {
      const instance = await readInstance(imds, () => (poolNamed = true), world, signal);
      return {
        identified: instance.identified,
        instance: instance.identified.identity.workerId,
        // The document is signed once for the life of the instance.
        registration: provisionedRegistration(instance.providerId, () => Promise.resolve(instance.proof)),
      };
    },
    recognize: (instance, signal) =>
      recognizeBy(
        () => readInstanceId(imds, signal),
        instance,
        () => (poolNamed = true),
      ),
    host: () => provisionedHost(service, client, poolNamed),
    close: () => client.close(),
  };
}
