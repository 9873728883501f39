import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProvider } from '../../src/providers/index.ts';
import { providerWorld } from '../support/provider-world.ts';

const IDENTITY = { rootURL: 'https://tc.example.com', workerPoolID: 'a/b', workerGroup: 'g', workerID: 'w' };
const never = new AbortController().signal;

void test('a static machine proves itself with its secret and is located by its configuration', async () => {
  const provider = createProvider(
    {
      providerType: 'static',
      ...IDENTITY,
      providerID: 'my-static',
      staticSecret: 'secret-of-44-characters',
      providerMetadata: { owner: 'me' },
      workerLocation: { rack: '7' },
    },
    providerWorld(),
  );
  const { identified, registration } = await provider.identify(never);
  assert.deepEqual(identified.identity, {
    rootUrl: 'https://tc.example.com',
    workerPoolId: 'a/b',
    workerGroup: 'g',
    workerId: 'w',
  });
  assert.deepEqual(identified.location, { cloud: 'static', rack: '7' });
  assert.deepEqual(identified.metadata, { owner: 'me' });
  assert.ok(registration.kind === 'register');
  assert.equal(registration.providerId, 'my-static');
  assert.deepEqual(await registration.prove(never), { staticSecret: 'secret-of-44-characters' });
  assert.deepEqual(registration.patience, { unknownWorkerForMs: 0, refusedTries: 1 });
});

void test('a standalone machine has its credentials from its configuration and never registers', async () => {
  const provider = createProvider(
    { providerType: 'standalone', ...IDENTITY, clientID: 'me', accessToken: 'token' },
    providerWorld(),
  );
  const { identified, registration } = await provider.identify(never);
  assert.deepEqual(identified.location, { cloud: 'standalone' });
  assert.deepEqual(registration, {
    kind: 'preconfigured',
    registered: { credentials: { clientId: 'me', accessToken: 'token' }, providerConfig: {} },
  });
});

void test("a machine without a cloud is somebody's own, and nobody announces its end", () => {
  const provider = createProvider(
    { providerType: 'standalone', ...IDENTITY, clientID: 'me', accessToken: 'token' },
    providerWorld(),
  );
  assert.deepEqual(provider.host(), { kind: 'owned' });
  assert.deepEqual(provider.noticeSources, []);
});
