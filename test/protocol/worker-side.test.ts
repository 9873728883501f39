import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { connectToRunner } from '../../src/protocol/index.ts';
import { converse } from '../support/conversation.ts';

test('a worker and a runner that both speak the protocol understand each other', async t => {
  const { stdin, stdout, log, connection, handled, finish } = converse(t);
  const asked = Promise.withResolvers<boolean>();
  const renewed = Promise.withResolvers<unknown>();
  const link = await connectToRunner({
    input: stdin,
    output: stdout,
    onGracefulTermination: asked.resolve,
    onNewCredentials: renewed.resolve,
  });
  assert.equal(await connection.send({ type: 'graceful-termination', 'finish-tasks': true }), 'sent');
  assert.equal(await asked.promise, true);
  await connection.send({
    type: 'new-credentials',
    'client-id': 'c',
    'access-token': 'a',
    certificate: '{}',
  });
  assert.deepEqual(await renewed.promise, { clientId: 'c', accessToken: 'a', certificate: '{}' });

  assert.ok(link.log('in words'));
  assert.ok(link.log({ textPayload: 'with fields', n: 1 }));
  stdout.write('plain text\n');
  assert.ok(link.reportError({ kind: 'k', title: 't', description: 'd' }));
  assert.ok(link.shutdown());
  await link.close();
  assert.equal(link.log('too late'), false);
  await finish();
  assert.deepEqual(log.outputOf('worker'), [
    { kind: 'log', body: { textPayload: 'in words' } },
    { kind: 'log', body: { textPayload: 'with fields', n: 1 } },
    { kind: 'text', text: 'plain text\n' },
  ]);
  assert.deepEqual(handled, [
    { type: 'error-report', kind: 'k', title: 't', description: 'd', extra: {} },
    { type: 'shutdown' },
  ]);
});

test('a worker names only the capabilities that it has callbacks for', async t => {
  const { stdin, stdout, connection } = converse(t);
  const link = await connectToRunner({ input: stdin, output: stdout });
  assert.deepEqual([...link.capabilities], ['error-report', 'log', 'shutdown']);
  assert.equal(await connection.agreed('graceful-termination'), false);
});

test('a worker is not granted what the runner does not offer', async t => {
  const { stdin, stdout } = converse(t, { capabilities: ['log'] });
  const link = await connectToRunner({ input: stdin, output: stdout });
  assert.equal(link.shutdown(), false);
  assert.equal(link.log('taken'), true);
});

test('a worker that no runner started is told so', async () => {
  const input = new PassThrough();
  const connected = connectToRunner({ input, output: new PassThrough() });
  input.end();
  await assert.rejects(connected, /ended without welcome: was this worker started by start-worker/);
  await assert.rejects(
    connectToRunner({ input: new PassThrough(), output: new PassThrough(), welcomeTimeoutMs: 1 }),
    /no welcome within 0.001 s/,
  );
});

test('a worker outlives its runner', async () => {
  const input = new PassThrough();
  const output = new PassThrough();
  input.write('~{"type":"welcome","capabilities":["log"]}\n');
  const link = await connectToRunner({ input, output });
  output.destroy(new Error('write EPIPE'));
  input.destroy(new Error('read ECONNRESET'));
  await link.ended;
  assert.equal(link.log('to nobody'), false);
  await link.close();
});

test('what is no message of the runner is passed over', async () => {
  const input = new PassThrough();
  const asked = Promise.withResolvers<boolean>();
  input.write(
    'text\n~{\n~{"type":"welcome","capabilities":["graceful-termination"]}\n~{"type":"new-credentials"}\n',
  );
  input.write('~{"type":"unheard-of"}\n~{"type":"graceful-termination","finish-tasks":false}\n');
  const link = await connectToRunner({
    input,
    output: new PassThrough(),
    onGracefulTermination: asked.resolve,
    onNewCredentials: () => assert.fail('these are no credentials'),
  });
  assert.equal(await asked.promise, false);
  await link.close();
});
