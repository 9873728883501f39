import assert from 'node:assert/strict';
import { test } from 'node:test';
import { looksSecret } from '../../src/secret-keys.ts';

const SECRET =
  'secret staticSecret accessToken access_token ACCESS-TOKEN accesstoken password dbPasswd passphrase credentials certificate ' +
  'apiKey API_KEY privateKey private-key secretKey awsSecretAccessKey signingKey authorization Authorization dockerAuth ' +
  'sessionCookie jwt livelogSecret clientSecret TASKCLUSTER_ACCESS_TOKEN secretValue secrets tokens sasToken connectionString';

const NOT_SECRET =
  'secretsPath secretName tokenUrl credentialsFile accessKeyId certificatePath privateKeyPath getSecrets ' +
  'ed25519SigningKeyLocation tokenExpires token_type key keys cacheKey publicKey clientId author authority path rootURL ' +
  'workerPoolID passed basic monkey keyboard';

void test('keys that name a secret look secret however they are spelled', () => {
  for (const key of SECRET.split(' ')) assert.equal(looksSecret(key), true, key);
});

void test('keys that only speak of a secret, or of something else, do not', () => {
  for (const key of NOT_SECRET.split(' ')) assert.equal(looksSecret(key), false, key);
  assert.equal(looksSecret(''), false);
});
