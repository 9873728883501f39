import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from 'esbuild';
import type { createTaskcluster } from '../../src/taskcluster/client.ts';
import { slimTaskclusterClient } from '../../tools/slim-taskcluster-client.ts';
import { connectTo, refuse, REGISTRATION, sendJson, startServer } from '../support/taskcluster-server.ts';
import { temporaryFolder } from '../support/temp.ts';

const ROOT = join(import.meta.dirname, '../..');

test('the slimmed client in a bundle signs, sends, parses and fails as the whole one', async t => {
  const outfile = join(await temporaryFolder(t), 'client.cjs');
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['src/taskcluster/client.ts'],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile,
    metafile: true,
    logLevel: 'silent',
    plugins: [slimTaskclusterClient()],
  });
  const bundled = Object.keys(metafile.inputs).join('\n');
  assert.doesNotMatch(bundled, /node_modules\/(http2-wrapper|cacheable-request|keyv|debug|uuid)\//);

  // A bundle's warnings would stand among the lines of the log; those of node_modules Node keeps to itself.
  const warnings: string[] = [];
  const listen = (warning: Error): void => void warnings.push(warning.message);
  process.on('warning', listen);
  t.after(() => process.off('warning', listen));

  const exports = createRequire(import.meta.url)(outfile) as {
    readonly createTaskcluster: typeof createTaskcluster;
  };
  const server = await startServer(t, (response, request) => {
    if (request.path.includes('/register')) sendJson(response, 200, REGISTRATION);
    else if (request.path.includes('/secret/')) refuse(response, 404, 'ResourceNotFound', 'no such secret');
    else sendJson(response, 200, {});
  });
  const { identity } = connectTo(t, server.rootUrl);
  const redactor = { add: () => undefined, redact: (text: string) => text, reach: 0 };
  const log = {
    info: () => undefined,
    warn: (message: string) => assert.fail(message),
    error: () => undefined,
    output: () => undefined,
    reopen: () => undefined,
    close: () => Promise.resolve(),
  };
  const network = { retryForMs: 0, attemptTimeoutMs: 5000 };
  const taskcluster = exports.createTaskcluster({ rootUrl: server.rootUrl, network, log, redactor, env: {} });
  t.after(() => taskcluster.close());
  const signal = AbortSignal.timeout(10_000);
  const prove = () => Promise.resolve({ staticSecret: 'secret' });
  const registered = await taskcluster.registerWorker(
    {
      identity,
      providerId: 'static',
      prove,
      patience: { unknownWorkerForMs: 0, refusedTries: 1 },
      ifRefused: '',
    },
    signal,
  );
  taskcluster.useCredentials(registered.credentials);
  await taskcluster.removeWorker(identity, signal);
  assert.match(server.requests[1]?.authorization ?? '', /^Hawk id=.*ext="/);
  assert.equal((await taskcluster.getSecret('a/b', signal)).kind, 'absent');
  assert.deepEqual(warnings, []);
});
