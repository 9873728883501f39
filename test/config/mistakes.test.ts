import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MINIMAL, mistake, mistakes } from './support.ts';

void test('every mistake is told at once, in the order of the file', async t => {
  const found = await mistakes(
    t,
    `provider:
  providerType: static
  rootUrl: https://tc.example.com
  workerPoolID: no-slash
  workerGroup: 12
  workerID: "a b"
  providerID: static
  workerLocation: {rack: 4}
worker:
  implementation: generic-workr
logging: {implementation: file, maxSize: 65536, keep: -1.5}
getSecrets: yes
network: {retryFor: 30, attemptTimeout: 0s}
limits: {line: 1GiB, fileEntries: 0}
lifecycle: {helloTimeout: 30d, drainTimeout: "5"}
0777: x
`,
  );
  assert.deepEqual(
    found.map(line => line.replace(/^(\d+:\d+): (.{0,34}).*$/, '$1 $2')),
    [
      '1:1 provider lacks the key staticSecret',
      '3:3 unknown key "rootUrl" in provider;',
      '4:17 provider.workerPoolID must be two ',
      '5:16 provider.workerGroup must be 1 to ',
      '6:13 provider.workerID must be 1 to 38 ',
      '8:26 provider.workerLocation.rack must ',
      '10:19 worker.implementation must be one ',
      '11:1 logging lacks the key path: The lo',
      '11:42 logging.maxSize must be a size: a ',
      '11:55 logging.keep must be a whole numbe',
      '12:13 getSecrets must be true or false; ',
      '13:21 network.retryFor must be a duratio',
      '13:41 network.attemptTimeout must be abo',
      '14:16 limits.line must be at most 256MiB',
      '14:35 limits.fileEntries must be a whole',
      '15:27 lifecycle.helloTimeout must be at ',
      '15:46 lifecycle.drainTimeout must be a d',
      '16:1 a number that begins with 0 is oct',
    ].map(line => line.replace(/^(\d+:\d+ .{0,34}).*$/, '$1')),
  );
});

for (const [what, from, to, expected] of [
  [
    'a misspelled key',
    'workerID:',
    'workrID:',
    /8:3: unknown key "workrID" in provider; did you mean workerID\?/,
  ],
  [
    'a key in other capitals',
    'clientID:',
    'clientId:',
    /4:3: unknown key "clientId" in provider; did you mean clientID\?/,
  ],
  [
    'a key in the wrong section',
    'worker:\n',
    'providerID: x\nworker:\n',
    /9:1: unknown key "providerID"; it belongs under provider/,
  ],
  [
    'an unknown key',
    'worker:\n',
    'zzz: 1\nworker:\n',
    /9:1: unknown key "zzz"; allowed: provider, worker, workerConfig/,
  ],
  [
    'a misspelled provider',
    'standalone',
    'standalon',
    /2:17: provider.providerType must be one of aws, azure, google, static, standalone; found the text "standalon"; did you mean standalone\?/,
  ],
  [
    'a missing type',
    'providerType: standalone',
    '# none',
    /1:1: provider lacks the key providerType; allowed: aws, azure, google, static, standalone/,
  ],
  [
    'a type that is no text',
    'standalone',
    '[1]',
    /2:17: provider.providerType must be one of aws, azure, google, static, standalone; found a list/,
  ],
  [
    'a number that should be text',
    'workerID: worker',
    'workerID: 5',
    /8:13: .*; found the number 5; put it in quotes/,
  ],
  ['a URL without scheme', 'https://', '', /3:12: provider.rootURL must be an http:\/\/ or https:\/\/ URL/],
  ['a URL with an impossible port', 'example.com', 'example.com:99999', /3:12: provider.rootURL is no URL/],
  [
    'a section that is a text',
    'worker:\n  implementation: dummy',
    'worker: dummy',
    /9:9: worker must be a mapping \(key: value\); found the text "dummy"/,
  ],
  [
    'a section without value',
    'worker:\n  implementation: dummy',
    'worker:',
    /9:8: worker must be a mapping \(key: value\); found nothing/,
  ],
  [
    'an empty path',
    'dummy',
    'dummy\n  configPath: ""',
    /11:15: worker.configPath must be a path; found the text ""/,
  ],
] as const) {
  void test(`${what} is told with its place and what is allowed`, async t => {
    assert.match(await mistake(t, MINIMAL.replace(from, to)), expected);
  });
}

for (const [line, expected] of [
  [
    'cacheOverRestarts: true',
    /11:20: cacheOverRestarts must be the path of a file; found true; write one such as \/var\//,
  ],
  ['network: {attemptTimeout: 30}', /found the number 30; write 30s if you mean seconds/],
  ['network: {attemptTimeout: "45"}', /found the text "45"; write 45s if you mean seconds/],
  ['limits: {line: 4096}', /found the number 4096; write 4KiB if you mean bytes/],
  ['limits: {line: 64kb}', /limits.line must be a size: .* found the text "64kb"/],
  ['getSecrets: off', /found the text "off"; write false \(in YAML 1.2 this is a text\)/],
  [
    'logging: {implementation: jsn}',
    /must be one of stdio, json, file; found the text "jsn"; did you mean json\?/,
  ],
  [
    'logging: {implementation: stdio, path: x}',
    /unknown key "path" in logging; it belongs under logging\.implementation: file/,
  ],
  ['workerConfig: [1]', /workerConfig must be a mapping \(key: value\); found a list/],
] as const) {
  void test(`"${line}" is told with the spelling that was meant`, async t => {
    assert.match(await mistake(t, `${MINIMAL}${line}\n`), expected);
  });
}

void test('a Windows service comes in a later release', async t => {
  const section = 'generic-worker\n  service: Generic Worker\n  configPath: c.json';
  const found = await mistakes(t, MINIMAL.replace('dummy', section));
  assert.match(found[1] ?? '', /11:3: worker\.service \(a Windows service\) comes in a later release/);
});

void test('of a value under a key that looks secret only the kind is told', async t => {
  assert.match(
    await mistake(t, MINIMAL.replace('accessToken: t', 'accessToken: 8675309')),
    /found a number; put/,
  );
  assert.match(await mistake(t, MINIMAL.replace('accessToken: t', 'accessToken: ""')), /found a text$/);
});

void test('a secret in a wrong place is not shown', async t => {
  const secret = 'hunter2-hunter2-hunter2-hunter2-hunter2-44ch';
  for (const [from, to] of [
    ['workerGroup: group', `workerGroup: ${secret}`],
    ['providerType: standalone', `providerType: ${secret}`],
    ['https://tc.example.com', `https://hunter2:pw@h`],
    ['https://tc.example.com', `https://h?q=hunter2`],
    ['https://tc.example.com', `tc:hunter2@host`],
    ['workerGroup: group', `workerGroup: group\n${secret}: 1`],
    ['workerGroup: group', `workerGroup: group\n  ${secret}: 1`],
    ['worker:', `getSecrets: ${secret}\nworker:`],
  ] as const) {
    for (const line of await mistakes(t, MINIMAL.replace(from, to))) assert.doesNotMatch(line, /hunter/);
  }
  assert.doesNotMatch(await mistake(t, secret), /hunter/);
});

void test('a file that is no mapping is told so', async t => {
  assert.equal(
    await mistake(t, '- a\n'),
    '1:1: a runner config is a mapping (provider: …, worker: …); found a list',
  );
});
