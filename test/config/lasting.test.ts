/** The settings of a run that lasts: signals, renewal, status, and how the worker's process is started. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, MINIMAL, mistake } from './support.ts';

const STATIC = `provider:
  providerType: static
  rootURL: https://tc.example.com
  providerID: static
  staticSecret: s
  workerPoolID: pool/type
  workerGroup: group
  workerID: worker
worker:
  implementation: dummy
`;
const AWS = 'provider: {providerType: aws}\nworker: {implementation: dummy}\n';

void test('what a signal means is read', async t => {
  const { config, warnings } = await load(
    t,
    `${AWS}lifecycle: {onSignal: remove, finishTasks: false, gracePeriod: 1h, killAfter: 0s}\n`,
  );
  const { onSignal, finishTasks, gracePeriodMs, killAfterMs } = config.lifecycle;
  assert.deepEqual([onSignal, finishTasks, gracePeriodMs, killAfterMs], ['remove', false, 3_600_000, 0]);
  assert.deepEqual(warnings, []);
});

void test('onSignal does nothing for a machine of your own', async t => {
  const { warnings } = await load(t, `${STATIC}lifecycle: {onSignal: remove, finishTasks: false}\n`);
  assert.match(
    warnings.join('\n'),
    /^\S+:11:13: lifecycle\.onSignal does nothing with the provider static: /,
  );
});

void test('when credentials are renewed is read', async t => {
  const { config, warnings } = await load(t, `${STATIC}renewal: {before: 4m, giveUp: 0s}\n`);
  assert.deepEqual(config.renewal, { beforeMs: 240_000, giveUpMs: 0 });
  assert.deepEqual(warnings, []);
});

for (const [section, place] of [
  ['{before: 5m, giveUp: 5m}', '11:19'],
  ['{before: 4m}', '11:19'],
  ['{giveUp: 45m}', '11:19'],
] as const) {
  void test(`a renewal that is given up before it is due is refused: ${section}`, async t => {
    const told = await mistake(t, `${STATIC}renewal: ${section}\n`);
    assert.ok(told.startsWith(`${place}: renewal.before (`), told);
    assert.match(told, /must be longer than renewal\.giveUp \((5m|45m)\)/);
  });
}

void test("credentials of one's own are not renewed, and the settings for it are idle", async t => {
  const { warnings } = await load(t, `${MINIMAL}renewal: {before: 1h}\n`);
  assert.match(warnings.join('\n'), /renewal\.before does nothing with the provider standalone/);
});

for (const [text, listen] of [
  ['127.0.0.1:9100', { kind: 'tcp', host: '127.0.0.1', port: 9100 }],
  ['"[::1]:9100"', { kind: 'tcp', host: '::1', port: 9100 }],
  ['localhost:65535', { kind: 'tcp', host: 'localhost', port: 65535 }],
  ['192.0.2.7:1', { kind: 'tcp', host: '192.0.2.7', port: 1 }],
  ['unix:/run/start-worker.sock', { kind: 'unix', path: '/run/start-worker.sock' }],
] as const) {
  void test(`the status may be served at ${text}`, async t => {
    const { config } = await load(t, `${MINIMAL}status: {listen: ${text}}\n`);
    assert.deepEqual(config.status, { listen });
  });
}

void test('without an address nobody serves the status', async t => {
  const { config } = await load(t, `${MINIMAL}status: {}\n`);
  assert.equal('status' in config, false);
});

for (const [what, text, expected] of [
  ['a port alone', '9100', /must be an address with a port .*; found the number 9100; put it in quotes/],
  ['port 0', '127.0.0.1:0', /must be an address with a port from 1 to 65535/],
  ['a port that is too high', '127.0.0.1:65536', /must be an address with a port from 1 to 65535/],
  ['a host name', 'status.example.com:80', /must be an address with a port/],
  ['an impossible IPv4 address', '127.0.0.256:80', /is no IP address with a port; found the text/],
  ['an impossible IPv6 address', '"[::1::2]:80"', /is no IP address with a port/],
  ['a relative path', 'unix:run/x.sock', /must be an address .*, or unix: and an absolute path/],
  ['a path too long for a socket', `unix:/${'x'.repeat(120)}`, /a path of at most 10\d bytes; it has 121/],
] as const) {
  void test(`${what} is refused as an address of the status`, async t => {
    const told = await mistake(t, `${MINIMAL}status: {listen: ${text}}\n`);
    assert.match(told, /^11:18: status\.listen /);
    assert.match(told, expected);
  });
}

function worker(keys: string): string {
  return MINIMAL.replace('  implementation: dummy\n', keys.replace(/^/gm, '  ').trimEnd() + '\n');
}

for (const implementation of ['generic-worker', 'docker-worker'] as const) {
  void test(`${implementation} may run as another user and with a limit of open files`, async t => {
    const section = `implementation: ${implementation}\npath: /opt/w\nconfigPath: c.json\nuser: worker:docker\nopenFiles: 65536\n`;
    const { config } = await load(t, worker(section));
    assert.deepEqual(config.worker, {
      implementation,
      path: '/opt/w',
      configPath: 'c.json',
      user: 'worker:docker',
      openFiles: 65536,
    });
    const shown = section.replace(implementation, `dummy\nas: ${implementation}`);
    assert.deepEqual((await load(t, worker(shown))).config.worker, {
      implementation: 'dummy',
      as: implementation,
      configPath: 'c.json',
    });
  });
}

for (const [line, expected] of [
  ['user: 1000', /13:9: worker\.user must be a user, or a user and a group .*; put it in quotes/],
  ['user: "a b"', /13:9: worker\.user must be a user/],
  ['user: ":docker"', /13:9: worker\.user must be a user/],
  [
    'openFiles: 0',
    /13:14: worker\.openFiles must be a whole number from 16 to 1073741816; found the number 0/,
  ],
  ['openFiles: 64KiB', /13:14: worker\.openFiles must be a whole number .*; found the text "64KiB"/],
] as const) {
  void test(`"${line}" is refused with what is allowed`, async t => {
    const told = await mistake(
      t,
      worker(`implementation: docker-worker\npath: /opt/w\nconfigPath: c.json\n${line}\n`),
    );
    assert.match(told, expected);
  });
}
