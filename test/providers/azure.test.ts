import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { createAzureProvider } from '../../src/providers/azure/index.ts';
import type { Provider, ProviderWorld } from '../../src/providers/provider.ts';
import {
  answerStatus,
  type CloudMetadata,
  type MetadataAnswer,
  startCloudMetadata,
} from '../support/cloud-metadata.ts';
import { providerWorld } from '../support/provider-world.ts';
import { testClock } from '../support/taskcluster-server.ts';

const INSTANCE = '/metadata/instance';
const DOCUMENT = '/metadata/attested/document';

const TAGS: Readonly<Record<string, string>> = {
  'worker-pool-id': 'proj/windows',
  'provider-id': 'azure-1',
  'worker-group': 'westus2',
  'root-url': 'https://tc.example.com',
};

const ADDRESS = { privateIpAddress: '10.0.0.7', publicIpAddress: '203.0.113.7' };

/** An answer as Azure gives it, with more fields than anybody needs. */
function instance(
  tags: Readonly<Record<string, string>> = TAGS,
  interfaces: readonly unknown[] = [ipv4(ADDRESS)],
) {
  return JSON.stringify({
    compute: {
      azEnvironment: 'AzurePublicCloud',
      location: 'westus2',
      name: 'vm-4Gz7',
      tagsList: Object.entries(tags).map(([name, value]) => ({ name, value })),
      vmId: '13f56399-bd52-4150-9748-7190aae1ff21',
      vmSize: 'Standard_F8s_v2',
    },
    network: { interface: interfaces },
  });
}

function ipv4(...addresses: readonly object[]): object {
  return { ipv4: { ipAddress: addresses, subnet: [{ address: '10.0.0.0' }] }, ipv6: { ipAddress: [] } };
}

interface Rig {
  readonly server: CloudMetadata;
  readonly provider: Provider;
  readonly signal: AbortSignal;
}

async function azure(
  t: TestContext,
  answers: Readonly<Record<string, MetadataAnswer>> = {},
  world: Partial<ProviderWorld> = {},
): Promise<Rig> {
  const server = await startCloudMetadata(t, { [INSTANCE]: instance(), ...answers });
  const env = { AZURE_METADATA_SERVICE_ENDPOINT: server.origin };
  const provider = createAzureProvider(providerWorld({ env, ...world }));
  t.after(() => provider.close());
  return { server, provider, signal: AbortSignal.timeout(20_000) };
}

void test('an Azure VM is who its name and its tags say', async t => {
  const { provider, server, signal } = await azure(t);
  const { identified, registration } = await provider.identify(signal);
  assert.deepEqual(identified, {
    identity: {
      rootUrl: 'https://tc.example.com',
      workerPoolId: 'proj/windows',
      workerGroup: 'westus2',
      workerId: 'vm-4Gz7',
    },
    location: { cloud: 'azure', region: 'westus2' },
    metadata: {
      'vm-id': '13f56399-bd52-4150-9748-7190aae1ff21',
      'instance-type': 'Standard_F8s_v2',
      region: 'westus2',
      'local-ipv4': '10.0.0.7',
      'public-ipv4': '203.0.113.7',
    },
  });
  assert.ok(registration.kind === 'register');
  assert.equal(registration.providerId, 'azure-1');
  assert.deepEqual(registration.patience, { unknownWorkerForMs: 120_000, refusedTries: 3 });
  const [call, ...others] = server.calls;
  assert.deepEqual(others, []);
  assert.deepEqual([call?.method, call?.path, call?.query], ['GET', INSTANCE, 'api-version=2025-04-07']);
  assert.equal(call?.headers.metadata, 'true');
});

void test('the case of the names of tags, and a slash at the end of root-url, make no difference', async t => {
  const { 'worker-pool-id': pool = '', ...others } = TAGS;
  const tags = { 'Worker-Pool-ID': pool, ...others, 'root-url': 'https://tc.example.com/' };
  const { provider, signal } = await azure(t, { [INSTANCE]: instance(tags) });
  const { identity } = (await provider.identify(signal)).identified;
  assert.deepEqual([identity.workerPoolId, identity.rootUrl], ['proj/windows', 'https://tc.example.com']);
});

void test('every tag that is missing is named', async t => {
  const { provider, server, signal } = await azure(t, {
    [INSTANCE]: instance({ 'worker-pool-id': 'a/b', 'worker-group': 'g', 'root-url': '' }),
  });
  await assert.rejects(provider.identify(signal), {
    exit: 'metadata',
    message: `${server.origin}${INSTANCE}?api-version=2025-04-07 should give the tags that worker-manager sets, but these are missing: provider-id, root-url`,
    advice: /worker-manager sets these tags/,
  });
});

void test('a tag with a value that cannot be is named, without its value', async t => {
  const { provider, signal } = await azure(t, {
    [INSTANCE]: instance({ ...TAGS, 'worker-pool-id': 'not-a-pool' }),
  });
  await assert.rejects(provider.identify(signal), (error: Error) => {
    assert.match(error.message, /the tag worker-pool-id must match pattern/);
    assert.doesNotMatch(error.message, /not-a-pool/);
    return true;
  });
});

for (const [what, interfaces] of [
  ['two interfaces', [ipv4(ADDRESS), ipv4(ADDRESS)]],
  ['two addresses', [ipv4(ADDRESS, ADDRESS)]],
  ['no interface', []],
] as const) {
  void test(`of a VM with ${what} no address is told`, async t => {
    const { provider, signal } = await azure(t, { [INSTANCE]: instance(TAGS, interfaces) });
    const { metadata } = (await provider.identify(signal)).identified;
    assert.deepEqual(Object.keys(metadata), ['vm-id', 'instance-type', 'region']);
  });
}

void test('a VM without a public address has only its local one', async t => {
  const interfaces = [ipv4({ ...ADDRESS, publicIpAddress: '' })];
  const { provider, signal } = await azure(t, { [INSTANCE]: instance(TAGS, interfaces) });
  const { metadata } = (await provider.identify(signal)).identified;
  assert.deepEqual(Object.keys(metadata), ['vm-id', 'instance-type', 'region', 'local-ipv4']);
});

void test('each proof is a document that was signed for it, asked for after everything else', async t => {
  let documents = 0;
  const { provider, server, signal } = await azure(t, {
    [DOCUMENT]: (_, response) =>
      response.end(JSON.stringify({ encoding: 'pkcs7', signature: `MIIE${(documents += 1)}==` })),
  });
  const { registration } = await provider.identify(signal);
  assert.deepEqual(
    server.calls.map(call => call.path),
    [INSTANCE],
  );
  assert.ok(registration.kind === 'register');
  assert.deepEqual(await registration.prove(signal), { document: 'MIIE1==' });
  assert.deepEqual(await registration.prove(signal), { document: 'MIIE2==' });
  const { query, headers } = await server.called(DOCUMENT);
  assert.deepEqual([query, headers.metadata], ['api-version=2025-04-07', 'true']);
  assert.equal(server.connections(), 1);
});

for (const [what, answer, words] of [
  ['HTML', '<!DOCTYPE html><p>Please log in', /is HTML/],
  ['truncated JSON', '{"compute": {"name": "vm', /truncated JSON/],
  ['another shape', '{"vm": "vm"}', /it lacks compute/],
  ['404', answerStatus(404), /no such value \(404\)/],
] as const) {
  void test(`where the metadata service answers with ${what}, the error names the URL and what was expected`, async t => {
    const { provider, server, signal } = await azure(t, { [INSTANCE]: answer }, { clock: testClock() });
    await assert.rejects(provider.identify(signal), {
      exit: 'metadata',
      message: new RegExp(
        `${server.origin}${INSTANCE}\\?api-version=2025-04-07 should give .*${words.source}`,
      ),
    });
  });
}

void test('the watch for events and the boot share one request for the name of the VM', async t => {
  let answer: (() => void) | undefined;
  const { provider, server, signal } = await azure(t, {
    [INSTANCE]: (_, response) => (answer = () => response.end(instance())),
    '/metadata/scheduledevents': '{"DocumentIncarnation": 1, "Events": []}',
  });
  const identifying = provider.identify(signal);
  const looking = provider.noticeSources[0]?.look(signal);
  const ending = new AbortController();
  const abandoned = provider.noticeSources[0]?.look(ending.signal);
  await server.called(INSTANCE);
  ending.abort(new Error('the watch is over'));
  await assert.rejects(abandoned ?? Promise.resolve(), /the watch is over/);
  answer?.();
  assert.equal((await identifying).identified.identity.workerId, 'vm-4Gz7');
  assert.deepEqual(await looking, []);
  assert.equal(server.calls.filter(call => call.path === INSTANCE).length, 1);
});

void test('a provider that is closed leaves no request behind', async t => {
  const { provider, server, signal } = await azure(t, { [INSTANCE]: () => undefined });
  const identifying = provider.identify(signal);
  await server.called(INSTANCE);
  provider.close();
  await assert.rejects(identifying);
});

void test('a VM whose metadata comes from AZURE_METADATA_SERVICE_ENDPOINT may not be halted', async t => {
  const { provider, signal } = await azure(t);
  await provider.identify(signal);
  assert.deepEqual(provider.host(), {
    kind: 'provisioned',
    mayHalt: false,
    because: 'its metadata comes from AZURE_METADATA_SERVICE_ENDPOINT',
  });
});
