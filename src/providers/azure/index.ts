import { validateMetadataAzureAttestedDocument } from '../../generated/validators.js';
import { createMetadataClient } from '../../metadata/client.ts';
import type { MetadataClient } from '../../metadata/metadata.ts';
import { jsonOf } from '../../metadata/read.ts';
import type { JsonObject } from '../../json.ts';
import type { Provider, ProviderWorld } from '../provider.ts';
import { provisionedHost } from '../provisioned-host.ts';
import { recognizeBy } from '../recognize.ts';
import { provisionedRegistration } from '../worker-data.ts';
import { identifiedBy, instanceId } from './identity.ts';
import { createAskInstance } from './instance.ts';
import { scheduledEvents } from './scheduled-events.ts';
import { azureMetadataService, metadataRequest } from './service.ts';
import { workerDataOfTags } from './tags.ts';

/** While Azure renews its metadata service, that answers 410 for up to 70 s. */
const RENEWAL_MS = 75_000;

/** worker-manager also answers 400 where its own check of the document failed for a moment. */
const REFUSED_TRIES = 3;

/** A VM of Azure, provisioned by worker-manager. */
export function createAzureProvider({ env, clock, log, metadata, interruptions }: ProviderWorld): Provider {
  const service = azureMetadataService(env);
  const client = createMetadataClient({ service, clock, log, giveUpAfterMs: metadata.giveUpAfterMs });
  let poolNamed = false;
  const askInstance = createAskInstance(client, () => (poolNamed = true));
  return {
    name: 'azure',
    async identify(signal) {
      const instance = await askInstance(signal);
      const data = workerDataOfTags(instance.tags, instance.url);
      return {
        identified: identifiedBy(instance, data),
        instance: instanceId(instance),
        registration: provisionedRegistration(
          data.providerId,
          proving => attestedDocument(client, proving),
          REFUSED_TRIES,
        ),
      };
    },
    recognize: (instance, signal) =>
      recognizeBy(
        async () => instanceId(await askInstance(signal)),
        instance,
        () => (poolNamed = true),
      ),
    noticeSources: [scheduledEvents(client, askInstance, interruptions)],
    host: () => provisionedHost(service, client, poolNamed),
    close: () => client.close(),
  };
}

/** A document that Azure has signed just now: it expires soon, so each registration attempt takes a new one. */
async function attestedDocument(client: MetadataClient, signal: AbortSignal): Promise<JsonObject> {
  const { signature } = await client.read(
    { ...metadataRequest('attested/document', '2025-04-07'), latePatienceMs: RENEWAL_MS },
    reply => jsonOf(reply, validateMetadataAzureAttestedDocument, { what: 'a signed document' }),
    signal,
  );
  return { document: signature };
}
