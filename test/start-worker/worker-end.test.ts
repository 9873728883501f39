import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import { runProgram, startProgram } from '../support/program.ts';
import { writeScript, writeStandaloneConfig } from '../support/runner-config.ts';
import { temporaryFolder } from '../support/temp.ts';
import { endRun } from '../support/worker-run.ts';

for (const code of [0, 1, 67, 69, 72, 105, 255]) {
  void test(`a worker that exits with ${code} makes the runner exit with ${code}`, async t => {
    const folder = await temporaryFolder(t);
    const config = await writeStandaloneConfig(folder, await writeScript(folder, 'worker', `exit ${code}`));
    const result = await runProgram('start-worker', [config]);
    assert.equal(result.code, code);
    assert.match(result.stderr, new RegExp(`the worker exited with code ${code}\n`));
  });
}

for (const [signal, number] of [
  ['KILL', 9],
  ['SEGV', 11],
  ['TERM', 15],
] as const) {
  void test(`a worker that dies of SIG${signal} makes the runner exit with ${128 + number}`, async t => {
    const folder = await temporaryFolder(t);
    const config = await writeStandaloneConfig(
      folder,
      await writeScript(folder, 'worker', `kill -${signal} $$`),
    );
    const result = await runProgram('start-worker', [config]);
    assert.equal(result.code, 128 + number);
    assert.match(result.stderr, new RegExp(`the worker was ended by SIG${signal}`));
  });
}

void test('the exit of the worker ends the run although a grandchild holds its output', async t => {
  const folder = await temporaryFolder(t);
  const worker = await writeScript(
    folder,
    'worker',
    `sleep 300 & echo $! >'${folder}/grandchild'; echo last words; exit 3`,
  );
  const config = await writeStandaloneConfig(folder, worker, { lifecycle: { drainTimeout: '200ms' } });
  const result = await runProgram('start-worker', [config]);
  process.kill(Number(await readFile(join(folder, 'grandchild'), 'utf8')), 'SIGKILL');
  assert.equal(result.code, 3);
  assert.match(result.stderr, /last words/);
  assert.match(result.stderr, /still holds its output/);
});

void test('what the worker wrote last is in the log, also without a newline and on stderr', async t => {
  const folder = await temporaryFolder(t);
  const worker = await writeScript(folder, 'worker', 'printf "no newline"; printf "from stderr" >&2; exit 1');
  const { stderr } = await runProgram('start-worker', [await writeStandaloneConfig(folder, worker)]);
  assert.match(stderr, /no newline\n/);
  assert.match(stderr, /from stderr\n/);
});

for (const { name, prepare, text } of [
  { name: 'does not exist', prepare: () => Promise.resolve(), text: /does not exist|no such file/i },
  {
    name: 'is a folder',
    prepare: (path: string) => mkdir(path).then(() => undefined),
    text: /folder|directory/,
  },
  {
    name: 'is not executable',
    prepare: (path: string) => writeFile(path, '#!/bin/sh\n', { mode: 0o644 }),
    text: /execut/,
  },
  {
    name: 'names an interpreter that is missing',
    prepare: (path: string) => writeFile(path, '#!/no/such/interpreter\n').then(() => chmod(path, 0o755)),
    text: /\/no\/such\/interpreter/,
  },
  {
    name: 'is no program',
    prepare: (path: string) => writeFile(path, Buffer.from([0, 1, 2, 3, 4])).then(() => chmod(path, 0o755)),
    text: /program|execut/,
  },
]) {
  void test(`a worker path that ${name} is said in one clear line`, async t => {
    const folder = await temporaryFolder(t);
    const path = join(folder, 'worker');
    await prepare(path);
    const { code, stderr } = await runProgram('start-worker', [await writeStandaloneConfig(folder, path)]);
    assert.equal(code, EXIT_CODES.workerStart.code, stderr);
    const errors = stderr.split('\n').filter(line => line.includes(path) && text.test(line));
    assert.ok(errors.length >= 1, stderr);
    assert.ok(!/\n\s+at /.test(stderr), 'no stack');
  });
}

void test('SIGTERM asks a worker that can be asked to finish its tasks, and the exit code is the worker’s', async t => {
  const folder = await temporaryFolder(t);
  const worker = await writeScript(
    folder,
    'worker',
    `read -r welcome; echo '~{"type":"hello","capabilities":["graceful-termination"]}'; echo ready; read -r asked; echo "asked: $asked"; exit 5`,
  );
  const runner = startProgram('start-worker', [await writeStandaloneConfig(folder, worker)]);
  await runner.says(/ ready\n/);
  runner.kill('SIGTERM');
  const { code, stderr } = await runner.exited;
  assert.equal(code, 5);
  assert.match(stderr, /asked: ~\{"type":"graceful-termination","finish-tasks":true\}/);
});

void test('SIGTERM ends a worker that cannot be asked', async t => {
  const folder = await temporaryFolder(t);
  const worker = await writeScript(
    folder,
    'worker',
    `echo '~{"type":"hello","capabilities":[]}'; echo ready; exec sleep 300`,
  );
  const runner = startProgram('start-worker', [await writeStandaloneConfig(folder, worker)]);
  await runner.says(/ ready\n/);
  runner.kill('SIGTERM');
  assert.equal((await runner.exited).code, 128 + 15);
});

void test('a second signal ends the worker, a third kills it', async t => {
  const folder = await temporaryFolder(t);
  const worker = await writeScript(
    folder,
    'worker',
    `trap 'echo not yet' TERM
     echo '~{"type":"hello","capabilities":["graceful-termination"]}'; echo ready
     while :; do sleep 0.1; done`,
  );
  const runner = startProgram('start-worker', [await writeStandaloneConfig(folder, worker)]);
  await runner.says(/ ready\n/);
  runner.kill('SIGINT');
  await runner.says(/SIGINT: asking/);
  runner.kill('SIGINT');
  await runner.says(/not yet/);
  runner.kill('SIGINT');
  assert.equal((await runner.exited).code, 128 + 9);
});

void test('a signal during the boot ends it, and no worker is started', async t => {
  const folder = await temporaryFolder(t);
  const { createServer } = await import('node:net');
  // Takes connections and never answers.
  const silent = createServer();
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => silent.close());
  const address = silent.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const connected = new Promise(resolve => silent.once('connection', resolve));
  const config = await writeStandaloneConfig(folder, await writeScript(folder, 'worker', 'echo started'), {
    getSecrets: true,
    provider: {
      providerType: 'standalone',
      rootURL: `http://127.0.0.1:${port}`,
      clientID: 'c',
      accessToken: 'a-token-that-is-long',
      workerPoolID: 'a/b',
      workerGroup: 'g',
      workerID: 'w',
    },
  });
  const runner = startProgram('start-worker', [config]);
  await connected;
  runner.kill('SIGTERM');
  const { code, stderr } = await runner.exited;
  assert.equal(code, 128 + 15);
  assert.match(stderr, /SIGTERM came before the worker was started/);
  assert.ok(!stderr.includes('echo started'));
});

void test('a fault of the runner itself ends its worker too, and has a code of its own', async t => {
  const folder = await temporaryFolder(t);
  const worker = await writeScript(
    folder,
    'worker',
    `echo $$ >'${folder}/pid.new'; mv '${folder}/pid.new' '${folder}/pid'; exec sleep 300`,
  );
  const fault = join(folder, 'fault.cjs');
  // Thrown once the worker is there, from where nobody can catch it.
  await writeFile(
    fault,
    `const { existsSync } = require('node:fs');
     const timer = setInterval(() => {
       if (!existsSync('${folder}/pid')) return;
       clearInterval(timer);
       throw new Error('thrown into the void');
     }, 20);`,
  );
  const { code, stderr } = await runProgram('start-worker', [await writeStandaloneConfig(folder, worker)], {
    env: { NODE_OPTIONS: `--require=${fault}` },
  });
  assert.equal(code, EXIT_CODES.internal.code, stderr);
  assert.match(stderr, /a fault of start-worker itself, please report it: Error: thrown into the void/);
  const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});

void test('a second SIGTERM is the last that the worker gets, also when hello never comes', async t => {
  const folder = await temporaryFolder(t);
  const worker = await writeScript(
    folder,
    'worker',
    `n=0; trap 'n=$((n+1)); echo "term $n"' TERM; echo ready; while [ ! -e '${folder}/end' ]; do sleep 0.05; done; exit 4`,
  );
  const config = await writeStandaloneConfig(folder, worker, { lifecycle: { helloTimeout: '5s' } });
  const runner = startProgram('start-worker', [config]);
  t.after(() => endRun(runner));
  await runner.says(/ ready\n/);
  runner.kill('SIGTERM');
  await runner.says('has not said hello yet');
  runner.kill('SIGTERM');
  await runner.says('term 1');
  await runner.says('said no hello within');
  // A further one would have been sent by now.
  await writeFile(join(folder, 'end'), '');
  const { code, stderr } = await runner.exited;
  assert.equal(code, 4);
  assert.ok(!stderr.includes('term 2'), stderr);
});
