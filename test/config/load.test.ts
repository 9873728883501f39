import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, MINIMAL } from './support.ts';

void test('a minimal config gets every default', async t => {
  const { config, warnings } = await load(t, MINIMAL);
  const { path, ...rest } = config;
  assert.match(path, /runner\.yml$/);
  assert.deepEqual(warnings, []);
  assert.deepEqual(rest, {
    provider: {
      providerType: 'standalone',
      rootURL: 'https://tc.example.com',
      clientID: 'c',
      accessToken: 't',
      workerPoolID: 'pool/type',
      workerGroup: 'group',
      workerID: 'worker',
    },
    worker: { implementation: 'dummy' },
    workerConfig: {},
    logging: { implementation: 'stdio' },
    getSecrets: true,
    network: { retryForMs: 600_000, attemptTimeoutMs: 30_000 },
    limits: {
      lineBytes: 65_536,
      messageBytes: 4 * 1024 ** 2,
      fileEntries: 10_000,
      fileSizeBytes: 512 * 1024 ** 2,
      filesTotalBytes: 2 * 1024 ** 3,
    },
    lifecycle: {
      helloTimeoutMs: 30_000,
      drainTimeoutMs: 5000,
      onExit: {
        codes: new Map([
          [0, 'remove'],
          [67, 'keep'],
        ]),
        other: 'remove',
      },
      onFailure: { action: 'remove', delayMs: undefined },
      shutdownHost: false,
      shutdownCommand: ['shutdown', '-h', 'now'],
      onSignal: 'keep',
      finishTasks: true,
      gracePeriodMs: 300_000,
      killAfterMs: 10_000,
    },
    metadata: { giveUpAfterMs: 120_000 },
    interruptions: { pollMs: undefined, rebalance: false, maintenance: false, acknowledge: false },
    renewal: { beforeMs: 1_800_000, giveUpMs: 300_000 },
  });
});

void test('settings replace their defaults one by one', async t => {
  const { config } = await load(
    t,
    `${MINIMAL}
getSecrets: false
cacheOverRestarts: /var/cache.json
logging: {implementation: file, path: /var/log/w.log, keep: 0}
network: {retryFor: 2h}
limits: {line: 1KB, fileEntries: 7}
lifecycle: {helloTimeout: 500ms, drainTimeout: 0s}
`,
  );
  assert.equal(config.getSecrets, false);
  assert.equal(config.cacheOverRestarts, '/var/cache.json');
  assert.deepEqual(config.logging, {
    implementation: 'file',
    path: '/var/log/w.log',
    maxSizeBytes: 10 * 1024 ** 2,
    keep: 0,
  });
  assert.deepEqual(config.network, { retryForMs: 7_200_000, attemptTimeoutMs: 30_000 });
  assert.equal(config.limits.lineBytes, 1000);
  assert.equal(config.limits.fileEntries, 7);
  assert.equal(config.limits.fileSizeBytes, 512 * 1024 ** 2);
  assert.equal(config.lifecycle.helloTimeoutMs, 500);
  assert.equal(config.lifecycle.drainTimeoutMs, 0);
});

void test('sections and texts that a template left empty count as absent', async t => {
  const empty = MINIMAL.replace('worker:\n', '  workerLocation:\n  providerMetadata: ~\nworker:\n');
  const { config } = await load(
    t,
    `${empty}workerConfig:\nlogging:\nnetwork:\nlimits:\nlifecycle:\nmetadata:\ninterruptions:\nrenewal:\nstatus:\ncacheOverRestarts: ""\n`,
  );
  const plain = (await load(t, MINIMAL)).config;
  assert.deepEqual({ ...config, path: '' }, { ...plain, path: '' });
});

void test('a cacheOverRestarts with nothing behind it counts as absent', async t => {
  const { config } = await load(t, `${MINIMAL}cacheOverRestarts:\n`);
  assert.equal(config.cacheOverRestarts, undefined);
});

void test('slashes at the end of rootURL make no difference', async t => {
  const { config } = await load(t, MINIMAL.replace('example.com', 'example.com/taskcluster//'));
  assert.ok('rootURL' in config.provider);
  assert.equal(config.provider.rootURL, 'https://tc.example.com/taskcluster');
});

void test('a config in JSON works, indented by tabs and with a $schema for editors', async t => {
  const { config } = await load(
    t,
    `{
\t"$schema": "runner-config.json",
\t"provider": {
\t\t"providerType": "static", "rootURL": "http://127.0.0.1:8080", "providerID": "static",
\t\t"workerPoolID": "a/b", "workerGroup": "g", "workerID": "w", "staticSecret": "s\\u0020t",
\t\t"providerMetadata": {"n": 1e3}, "workerLocation": {"rack": "4"}
\t},
\t"worker": {"implementation": "generic-worker", "path": "/bin/gw", "configPath": "c.json", "protocolPipe": "\\\\\\\\.\\\\pipe\\\\gw"}
}`,
  );
  assert.deepEqual(config.provider, {
    providerType: 'static',
    rootURL: 'http://127.0.0.1:8080',
    providerID: 'static',
    workerPoolID: 'a/b',
    workerGroup: 'g',
    workerID: 'w',
    staticSecret: 's t',
    providerMetadata: { n: 1000 },
    workerLocation: { rack: '4' },
  });
  assert.deepEqual(config.worker, {
    implementation: 'generic-worker',
    path: '/bin/gw',
    configPath: 'c.json',
    protocolPipe: '\\\\.\\pipe\\gw',
  });
});

void test('a generic-worker section becomes a dummy by one changed word and as', async t => {
  const section =
    'implementation: dummy\n  as: generic-worker\n  path: /bin/gw\n  configPath: /etc/gw.json\n';
  const { config } = await load(t, MINIMAL.replace('implementation: dummy\n', section));
  assert.deepEqual(config.worker, {
    implementation: 'dummy',
    as: 'generic-worker',
    configPath: '/etc/gw.json',
  });
});

void test('a byte-order mark and DOS line ends are fine', async t => {
  const { config } = await load(
    t,
    `\uFEFF${MINIMAL}workerConfig:\n  text: |\n    one\n    two\n`.replaceAll('\n', '\r\n'),
  );
  assert.deepEqual(config.workerConfig, { text: 'one\ntwo\n' });
});
