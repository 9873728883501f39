import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProvider } from '../../src/providers/index.ts';

const IDENTITY = { rootURL: 'https://tc.example.com', workerPoolID: 'a/b', workerGroup: 'g', workerID: 'w' };
const never = new AbortController().signal;

void test('a static machine proves itself with its secret and is located by its configuration', async () => {
  const provider = createProvider({
    providerType: 'static',
    ...IDENTITY,
    providerID: 'my-static',
    staticSecret: 'secret-of-44-characters',
    providerMetadata: { owner: 'me' },
    workerLocation: { rack: '7' },
  });
  const { identity, location, metadata } = await provider.identify(never);
  assert.deepEqual(identity, {
    rootUrl: 'https://tc.example.com',
    workerPoolId: 'a/b',
    workerGroup: 'g',
    workerId: 'w',
  });
  assert.deepEqual(location, { cloud: 'static', rack: '7' });
  assert.deepEqual(metadata, { owner: 'me' });
  assert.ok(provider.registration.kind === 'register');
  assert.equal(provider.registration.providerId, 'my-static');
  assert.deepEqual(await provider.registration.prove(never), { staticSecret: 'secret-of-44-characters' });
});

void test('a standalone machine has its credentials from its configuration and never registers', async () => {
  const provider = createProvider({
    providerType: 'standalone',
    ...IDENTITY,
    clientID: 'me',
    accessToken: 'token',
  });
  assert.deepEqual((await provider.identify(never)).location, { cloud: 'standalone' });
  assert.deepEqual(provider.registration, {
    kind: 'preconfigured',
    registered: { credentials: { clientId: 'me', accessToken: 'token' }, providerConfig: {} },
  });
});
