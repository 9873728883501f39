/**
 * `npm run demo`: a whole run for someone who never saw Taskcluster. It starts the built programs with the examples of
 * deployment/examples/, in a folder that is removed afterwards, and puts a sentence between their lines where
 * something begins.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..');
const program = (name: string) => join(root, 'dist', `${name}.cjs`);

/** What is told before the first line that matches. */
const STORY: readonly { readonly at: RegExp; readonly tell: string }[] = [
  {
    at: /listening|http:\/\/127/i,
    tell: 'A simulated Taskcluster starts on this machine. It knows one worker pool, one worker, and one secret.',
  },
  {
    at: /runner config /,
    tell: 'start-worker reads its one file, runner.yml: who this machine is, and which worker to start.',
  },
  {
    at: /registering worker/,
    tell: 'It registers the worker with worker-manager, and gets credentials for it.',
  },
  {
    at: /(took|asks? for|getSecret).*worker-(type|pool)|secret worker-/i,
    tell: 'It asks for the secrets of the worker pool: configuration that not everyone may read.',
  },
  { at: /wrote file/, tell: 'A file came with the secret; it is written before the worker starts.' },
  {
    at: /started the worker/,
    tell: 'The worker starts, with its configuration merged from runner.yml, worker pool and secret. The two say hello.',
  },
  {
    at: /task 1/,
    tell: 'The worker does its tasks. What it logs travels as messages over its standard output.',
  },
  {
    at: /SIGTERM/,
    tell: 'SIGTERM, as when the machine is to be used for something else: start-worker asks the worker to end.',
  },
  {
    at: /the worker exited/,
    tell: 'The worker finished the task that it had begun, and ended; its exit code is the exit code of the run.',
  },
];

/** When this line appears, the demo asks start-worker to end. */
const END_AT = /task 3/;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise(resolve => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function tell(text: string): void {
  const bold = process.stdout.isTTY ? ['\u001b[1m', '\u001b[0m'] : ['', ''];
  process.stdout.write(`\n${bold[0] ?? ''}── ${text}${bold[1] ?? ''}\n`);
}

async function play(folder: string): Promise<number | null> {
  const port = await freePort();
  const examples = join(root, 'deployment', 'examples');
  const runnerConfig = await readFile(join(examples, 'demo-runner.yml'), 'utf8');
  await writeFile(join(folder, 'runner.yml'), runnerConfig.replace('127.0.0.1:8090', `127.0.0.1:${port}`), {
    mode: 0o600,
  });
  // The example's paths are relative to the top of a checkout.
  await symlink(join(root, 'deployment'), join(folder, 'deployment'));

  const scenario = join('deployment', 'examples', 'scenario.yml');
  const args = ['--port', String(port), scenario, '--', program('start-worker'), 'runner.yml'];
  const cloud = spawn(program('simulate-cloud'), args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = new Promise<number | null>((resolve, reject) =>
    cloud.on('exit', resolve).on('error', reject),
  );
  // simulate-cloud passes it on; then the folder is removed as after any other end.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => cloud.kill(signal));

  const untold = [...STORY];
  let asked = false;
  for await (const line of createInterface({ input: cloud.stderr })) {
    const next = untold.findIndex(({ at }) => at.test(line));
    if (next === 0) tell(untold.shift()?.tell ?? '');
    process.stdout.write(`${line}\n`);
    if (!asked && END_AT.test(line)) {
      asked = true;
      cloud.kill('SIGTERM');
    }
  }
  return exited;
}

const folder = await mkdtemp(join(tmpdir(), 'worker-runner-demo-'));
try {
  const code = await play(folder);
  tell(
    code === 0
      ? 'That was a whole run. README.md says how to make a real one.'
      : `The demo failed with code ${code ?? '?'}.`,
  );
  process.exitCode = code ?? 1;
} finally {
  await rm(folder, { recursive: true });
}
