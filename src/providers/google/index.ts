import { createMetadataClient } from '../../metadata/client.ts';
import type { MetadataClient } from '../../metadata/metadata.ts';
import type { Expected } from '../../metadata/read.ts';
import type { JsonObject } from '../../json.ts';
import type { Provider, ProviderWorld } from '../provider.ts';
import { provisionedHost } from '../provisioned-host.ts';
import { recognizeBy } from '../recognize.ts';
import { provisionedRegistration } from '../worker-data.ts';
import { readInstance, readInstanceId } from './identity.ts';
import { googleNoticeSources } from './notices.ts';
import { googleMetadataService, googles, matchOf, metadataRequest } from './service.ts';

const IDENTITY_TOKEN: Expected = {
  what: "a token that proves this VM's identity",
  advice:
    'where it answers 404, the VM has no service account: give it one in the launch configuration of the worker pool',
};

/** A VM of Google Compute Engine, provisioned by worker-manager. */
export function createGoogleProvider(world: ProviderWorld): Provider {
  const { env, clock, log, metadata } = world;
  const service = googleMetadataService(env);
  const client = createMetadataClient({ service, clock, log, giveUpAfterMs: metadata.giveUpAfterMs });
  let poolNamed = false;
  return {
    name: 'google',
    async identify(signal) {
      const { identified, providerId } = await readInstance(client, () => (poolNamed = true), world, signal);
      return {
        identified,
        instance: identified.identity.workerId,
        registration: provisionedRegistration(providerId, proving =>
          identityProof(client, identified.identity.rootUrl, proving),
        ),
      };
    },
    recognize: (instance, signal) =>
      recognizeBy(
        () => readInstanceId(client, signal),
        instance,
        () => (poolNamed = true),
      ),
    noticeSources: googleNoticeSources(client, clock),
    host: () => provisionedHost(service, client, poolNamed),
    close: () => client.close(),
  };
}

/** A token that Google signs for this VM and for worker-manager, which checks that it is the audience. */
async function identityProof(
  client: MetadataClient,
  rootUrl: string,
  signal: AbortSignal,
): Promise<JsonObject> {
  const query = `audience=${encodeURIComponent(rootUrl)}&format=full`;
  const token = await client.read(
    metadataRequest(`instance/service-accounts/default/identity?${query}`),
    googles(reply => matchOf(reply, /^([\w-]+\.[\w-]+\.[\w-]+)$/, IDENTITY_TOKEN)),
    signal,
  );
  return { token };
}
