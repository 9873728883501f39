import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { validateStatusReply } from '../../src/generated/validators.js';
import { mayName } from '../../src/status/hosts.ts';
import { get, IDENTIFIED, serveScene } from '../support/status-scene.ts';
import { temporaryFolder } from '../support/temp.ts';

void test('/status says in JSON what the record knows, as its schema has it', async t => {
  const { port, record } = await serveScene(t);
  record.tell({ kind: 'identified', identified: IDENTIFIED, resumed: true });
  const { status, headers, body } = await get('/status', { port });
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/json; charset=utf-8');
  const reply: unknown = JSON.parse(body);
  assert.ok(validateStatusReply(reply), JSON.stringify(validateStatusReply.errors));
  assert.deepEqual(reply.identity, IDENTIFIED.identity);
  assert.equal(reply.resumed, true);
});

void test('/healthz is 200 while all is well and 503 with the reasons when it is not', async t => {
  const { port, record, clock } = await serveScene(t);
  assert.deepEqual(pick(await get('/healthz', { port })), [200, 'ok\n']);
  await clock.pass(71_000);
  assert.deepEqual(pick(await get('/healthz', { port })), [
    503,
    '"starting" has lasted 1 min 11 s; it should be over after 1 min 10 s\n',
  ]);
  record.tell({ kind: 'phase', phase: 'running' });
  assert.equal((await get('/healthz', { port })).status, 200);
});

void test('/metrics has every number for Prometheus, and none that nobody knows', async t => {
  const { port, record, clock } = await serveScene(t);
  const metrics = async () => (await get('/metrics', { port })).body;
  assert.doesNotMatch(await metrics(), /^worker_runner_(credentials|next|api|notices)/m);
  record.tell({ kind: 'identified', identified: IDENTIFIED, resumed: false });
  await clock.pass(250);
  record.tell({ kind: 'phase', phase: 'running' });
  record.tell({ kind: 'credentials', expireAt: new Date(1_800_000_000_000), renewed: true });
  record.tell({ kind: 'renewal-due', at: new Date(1_799_998_200_000) });
  record.tell({ kind: 'call', name: 'registerWorker', result: '503' });
  record.tell({ kind: 'message', direction: 'from-worker', type: 'hello' });
  record.tell({ kind: 'dropped', bytes: 42 });
  record.output('worker', 'a\nb\n');
  record.tell({
    kind: 'notice',
    notice: { id: '1', kind: 'reboot', reason: 'r', finishTasks: true },
    stands: true,
  });
  const text = await metrics();
  for (const line of [
    'info{version="1.2.3",provider="aws",worker="generic-worker",worker_pool_id="demo/aws",worker_group="us-west-2",worker_id="i-0123"} 1',
    'state{state="starting"} 0',
    'state{state="running"} 1',
    'healthy 1',
    'phase_seconds{phase="starting"} 0.25',
    'credentials_expire_timestamp_seconds 1800000000',
    'next_renewal_timestamp_seconds 1799998200',
    'renewals_total 1',
    'notices{kind="reboot",stands="true"} 1',
    'worker_lines_total{source="worker"} 2',
    'protocol_messages_total{direction="from-worker",type="hello"} 1',
    'api_calls_total{name="registerWorker",result="503"} 1',
    'log_dropped_bytes_total 42',
  ])
    assert.ok(text.includes(`worker_runner_${line}\n`), `${line} is missing:\n${text}`);
});

for (const host of [
  'evil.example',
  'evil.example:80',
  '127.0.0.1.evil.example',
  '10.0.0.1',
  'localhost@evil',
]) {
  void test(`a request that calls us "${host}" is refused: another site's page may be behind it`, async t => {
    const { port } = await serveScene(t);
    const { status, body } = await get('/status', { port, headers: { host } });
    assert.equal(status, 421);
    assert.ok(!body.includes('version'));
  });
}

for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1:99', '[::1]:99', '127.0.0.2']) {
  void test(`a request that calls us ${host} is answered`, async t => {
    const { port } = await serveScene(t);
    assert.equal((await get('/healthz', { port, headers: { host } })).status, 200);
  });
}

void test('only GET and HEAD are answered, and HEAD without a body', async t => {
  const { port } = await serveScene(t);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const { status, headers } = await get('/status', { port, method });
    assert.deepEqual([status, headers.allow], [405, 'GET, HEAD']);
    assert.equal(headers['access-control-allow-origin'], undefined);
  }
  assert.deepEqual(pick(await get('/status', { port, method: 'HEAD' })), [200, '']);
  assert.equal((await get('/etc/passwd', { port })).status, 404);
});

void test('the page allows itself nothing but its own script, its own style and questions to its server', async t => {
  const { port } = await serveScene(t);
  const { status, headers, body } = await get('/', { port });
  assert.equal(status, 200);
  const policy = String(headers['content-security-policy']);
  assert.match(
    policy,
    /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; connect-src 'self'/,
  );
  assert.doesNotMatch(body, /https?:\/\/|<link rel="stylesheet"|<script src|innerHTML/);
  assert.match(body, /<noscript[^]*JavaScript, which is off/);
});

void test('too large a request is refused, and too many connections are not taken', async t => {
  const { port } = await serveScene(t);
  assert.equal((await get('/', { port, headers: { x: 'x'.repeat(10_000) } })).status, 431);
  const sockets = Array.from({ length: 40 }, () => connect(port, '127.0.0.1'));
  t.after(() => sockets.forEach(socket => socket.destroy()));
  await Promise.any(sockets.map(socket => new Promise(resolve => socket.on('close', resolve))));
});

void test('a port that is in use costs a warning, not the run', async t => {
  const other = createServer();
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', () => resolve()));
  t.after(() => other.close());
  const { port } = other.address() as AddressInfo;
  const { log, close } = await serveScene(t, { kind: 'tcp', host: '127.0.0.1', port });
  assert.deepEqual(
    log.entries.map(({ severity, message }) => `${severity}: ${message}`),
    [`warning: status.listen: 127.0.0.1:${port} is in use already: the state of this run is not served`],
  );
  close();
});

void test('an address that is not plainly of this machine alone is warned of', async t => {
  // It is, though: nothing of this test leaves the machine.
  const { log } = await serveScene(t, { kind: 'tcp', host: '::ffff:127.0.0.1', port: 0 });
  assert.match(log.entries[1]?.message ?? '', /^status\.listen: .* is not of this machine alone/);
});

void test('where all addresses are listened on, any address in numbers is a good name, and no word but localhost', () => {
  const named = (header: string, host: string) => mayName(header, { kind: 'tcp', host, port: 80 });
  for (const everywhere of ['0.0.0.0', '::']) {
    assert.ok(named('192.0.2.7:1', everywhere) && named('[2001:db8::1]:1', everywhere));
    assert.ok(named('localhost', everywhere) && !named('evil.example', everywhere));
  }
  assert.ok(named('runner.example:80', 'Runner.example') && !named('192.0.2.7', 'runner.example'));
});

void test('a socket is for its owner alone, answers whatever it is called, and is gone at the end', async t => {
  const path = join(await temporaryFolder(t), 'status.sock');
  await writeFile(`${path}.before`, '');
  const before = await stat(`${path}.before`);
  const { close, log } = await serveScene(t, { kind: 'unix', path });
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await get('/healthz', { socketPath: path, headers: { host: 'x' } })).body, 'ok\n');
  assert.equal(log.entries[0]?.message, `the state of this run is served at unix:${path}`);
  await writeFile(`${path}.after`, '');
  assert.equal((await stat(`${path}.after`)).mode, before.mode, 'other files are made as they were before');
  close();
  assert.ok(!existsSync(path));
});

void test('the socket that a killed run left is replaced, one that is in use is not, and a file is left alone', async t => {
  const folder = await temporaryFolder(t);
  const left = join(folder, 'left.sock');
  spawnSync(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(left)}, () => process.kill(process.pid, 'SIGKILL'))`,
  ]);
  assert.ok((await stat(left)).isSocket());
  await serveScene(t, { kind: 'unix', path: left });
  assert.equal((await get('/healthz', { socketPath: left })).status, 200);

  const second = await serveScene(t, { kind: 'unix', path: left });
  assert.match(second.log.entries[0]?.message ?? '', /in use already/);
  second.close();
  assert.equal((await get('/healthz', { socketPath: left })).status, 200);

  const file = join(folder, 'a-file');
  await writeFile(file, 'precious');
  const third = await serveScene(t, { kind: 'unix', path: file });
  assert.match(third.log.entries[0]?.message ?? '', /in use already/);
  assert.ok((await stat(file)).isFile());
});

function pick({
  status,
  body,
}: {
  readonly status: number;
  readonly body: string;
}): readonly [number, string] {
  return [status, body];
}
