/**
 * `npm run demo`: a whole run for someone who never saw Taskcluster; `npm run demo -- aws` (or azure, google): the same
 * on a machine of that cloud, which is taken away in the end. It starts the built programs with the examples of
 * deployment/examples/, in a folder that is removed afterwards, and puts a sentence between their lines where something
 * begins.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..');
const program = (name: string) => join(root, 'dist', `${name}.cjs`);

interface Sentence {
  /** It is told before the first line that matches. */
  readonly at: RegExp;
  readonly tell: string;
}

interface Demo {
  /** In deployment/examples/. */
  readonly scenario: string;
  readonly runnerConfig: string;
  readonly story: readonly Sentence[];
  /** When this line appears, start-worker is asked to end. Without it the cloud sees to the end. */
  readonly endAt?: RegExp;
}

const SECRETS: Sentence = {
  at: /(took|asks? for|getSecret).*worker-(type|pool)|secret worker-/i,
  tell: 'It asks for the secrets of the worker pool: configuration that not everyone may read.',
};
const TASKS: Sentence = {
  at: /task 1/,
  tell: 'The worker does its tasks. What it logs travels as messages over its standard output.',
};

const LAPTOP: Demo = {
  scenario: 'scenario.yml',
  runnerConfig: 'demo-runner.yml',
  endAt: /task 3/,
  story: [
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
    SECRETS,
    { at: /wrote file/, tell: 'A file came with the secret; it is written before the worker starts.' },
    {
      at: /started the worker/,
      tell: 'The worker starts, with its configuration merged from runner.yml, worker pool and secret. The two say hello.',
    },
    TASKS,
    {
      at: /SIGTERM/,
      tell: 'SIGTERM, as when the machine is to be used for something else: start-worker asks the worker to end.',
    },
    {
      at: /the worker exited/,
      tell: 'The worker finished the task that it had begun, and ended; its exit code is the exit code of the run.',
    },
  ],
};

/** @param notice how the cloud lets the machine know */
function cloudDemo(cloud: string, machine: string, notice: string): Demo {
  return {
    scenario: `scenario-${cloud}.yml`,
    runnerConfig: `demo-${cloud}.yml`,
    story: [
      {
        at: /http:\/\/127/,
        tell: `A simulated Taskcluster starts on this machine, and the metadata service of ${machine}.`,
      },
      {
        at: /runner config /,
        tell: 'The VM has booted. Its runner.yml says which worker to start, and nothing about who this machine is.',
      },
      {
        at: /metadata (GET|PUT)/,
        tell: 'So start-worker asks the metadata service: who this is, where Taskcluster is, how to prove it. And whether the machine is to go already.',
      },
      {
        at: /registering worker/,
        tell: 'It registers with what it learned. Worker-manager checks the proof, and takes it once.',
      },
      SECRETS,
      {
        at: /started the worker/,
        tell: 'The worker starts, with its configuration merged from all sources.',
      },
      TASKS,
      { at: /the cloud: spot-interruption/, tell: `The cloud wants its machine back. ${notice}` },
      {
        at: /told the worker/,
        tell: 'There is no time to finish the task: the worker is told to end now, so that the task is run again elsewhere.',
      },
      {
        at: /the worker exited/,
        tell: 'The worker has given its task back and ended. A machine without a worker only costs money: worker-manager is asked to remove it.',
      },
      { at: /summary of the calls/, tell: 'What the simulated cloud saw of all that:' },
    ],
  };
}

const DEMOS: ReadonlyMap<string | undefined, Demo> = new Map([
  [undefined, LAPTOP],
  [
    'aws',
    cloudDemo(
      'aws',
      'an EC2 spot instance of AWS',
      'Two minutes ahead the metadata service says so, to those who ask.',
    ),
  ],
  [
    'azure',
    cloudDemo(
      'azure',
      'a spot VM of Azure',
      'Thirty seconds ahead a scheduled event says so, to those who ask.',
    ),
  ],
  [
    'google',
    cloudDemo(
      'google',
      'a spot VM of Google',
      'Thirty seconds ahead the metadata service answers the request that has been hanging since the boot.',
    ),
  ],
]);

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

async function play(demo: Demo, folder: string): Promise<number | null> {
  const port = await freePort();
  const examples = join(root, 'deployment', 'examples');
  const runnerConfig = await readFile(join(examples, demo.runnerConfig), 'utf8');
  await writeFile(join(folder, 'runner.yml'), runnerConfig.replace('127.0.0.1:8090', `127.0.0.1:${port}`), {
    mode: 0o600,
  });
  // The example's paths are relative to the top of a checkout.
  await symlink(join(root, 'deployment'), join(folder, 'deployment'));

  const ports = ['--port', String(port), '--metadata-port', '0'];
  const scenario = join('deployment', 'examples', demo.scenario);
  const args = [...ports, scenario, '--', program('start-worker'), 'runner.yml'];
  // In a group of its own: a terminal's Ctrl-C reaches it once, through us.
  const cloud = spawn(program('simulate-cloud'), args, {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const exited = new Promise<number | null>((resolve, reject) =>
    cloud.on('exit', resolve).on('error', reject),
  );
  // simulate-cloud passes it on; then the folder is removed as after any other end.
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interruption.abort();
      cloud.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal);
    });
  }

  const untold = [...demo.story];
  let asked = false;
  for await (const line of createInterface({ input: cloud.stderr })) {
    const next = untold.findIndex(({ at }) => at.test(line));
    if (next === 0) tell(untold.shift()?.tell ?? '');
    process.stdout.write(`${line}\n`);
    if (!asked && demo.endAt?.test(line)) {
      asked = true;
      cloud.kill('SIGTERM');
    }
  }
  const [never] = untold;
  if (never !== undefined && !interruption.signal.aborted) {
    tell(`This demo went another way: nothing was to be seen of "${never.tell}"`);
    return 1;
  }
  return exited;
}

async function main(name: string | undefined): Promise<number> {
  const demo = DEMOS.get(name);
  if (demo === undefined) {
    process.stderr.write(
      `There is no demo "${name ?? ''}": npm run demo, or npm run demo -- aws|azure|google\n`,
    );
    return 1;
  }
  const folder = await mkdtemp(join(tmpdir(), 'worker-runner-demo-'));
  try {
    const code = await play(demo, folder);
    tell(
      code === 0
        ? 'That was a whole run. README.md says how to make a real one.'
        : `The demo failed with code ${code ?? '?'}.`,
    );
    return code ?? 1;
  } finally {
    await rm(folder, { recursive: true });
  }
}

process.exitCode = await main(process.argv[2]);
