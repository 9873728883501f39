/**
 * Saves, beside the built programs, the code that V8 makes of them, so that no start has to compile: from a run that goes
 * the whole way, from a registration on the simulated Taskcluster to a worker that is started, and from one that shows
 * its state. That takes about a third off what the program adds to the start of an empty one (bench/README.md).
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

const SCENARIO = `
port: 0
workers:
  - { providerId: p, workerPoolId: warm/up, workerGroup: g, workerId: w, staticSecret: warming-up-the-compile-cache-of-start-worker }
secrets:
  worker-pool:warm/up: { config: { a: 1 }, files: [] }
`;

const SAVE_CODE = join(import.meta.dirname, 'save-code.cjs');

/** The worker is Node itself, which ends at once: it knows no command `run`. */
function runnerConfig(rootUrl: string, folder: string, worker: object): string {
  return JSON.stringify({
    provider: {
      providerType: 'static',
      rootURL: rootUrl,
      providerID: 'p',
      workerPoolID: 'warm/up',
      workerGroup: 'g',
      workerID: 'w',
      staticSecret: 'warming-up-the-compile-cache-of-start-worker',
    },
    worker: { ...worker, configPath: join(folder, 'worker.json') },
  });
}

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

export async function warmUp(dist: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'worker-runner-warm-up-'));
  const cloud = await startCloud(dist, folder);
  try {
    for (const worker of [
      { implementation: 'generic-worker', path: process.execPath },
      { implementation: 'dummy', as: 'generic-worker' },
    ]) {
      const config = join(folder, 'runner.json');
      await writeFile(config, runnerConfig(cloud.rootUrl, folder, worker), { mode: 0o600 });
      const { code, stderr } = await ended(spawnProgram(dist, 'start-worker', config));
      if (code === null || code >= 100)
        throw new Error(`the warm-up's start-worker ended with ${code ?? '?'}: ${stderr}`);
    }
  } finally {
    await cloud.end();
    await rm(folder, { recursive: true });
  }
}

function spawnProgram(
  dist: string,
  name: string,
  argument: string,
): ChildProcessByStdio<null, null, Readable> {
  return spawn(process.execPath, [SAVE_CODE, join(dist, `${name}-main.cjs`), argument], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

function ended(child: ChildProcessByStdio<null, null, Readable>): Promise<Ended> {
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) =>
    child.on('close', code => resolve({ code, stderr })).on('error', reject),
  );
}

async function startCloud(
  dist: string,
  folder: string,
): Promise<{ rootUrl: string; end(): Promise<unknown> }> {
  const scenario = join(folder, 'scenario.yml');
  await writeFile(scenario, SCENARIO);
  const child = spawnProgram(dist, 'simulate-cloud', scenario);
  const end = ended(child);
  const rootUrl = new Promise<string>(resolve => {
    let said = '';
    child.stderr.on('data', (text: string) => {
      said += text;
      const url = /http:\/\/[\w.]+:\d+/.exec(said)?.[0];
      if (url !== undefined) resolve(url);
    });
  });
  const failed = end.then(({ stderr }) => Promise.reject(new Error(`simulate-cloud ended: ${stderr}`)));
  failed.catch(() => undefined);
  return {
    rootUrl: await Promise.race([rootUrl, failed]),
    end() {
      child.kill('SIGTERM');
      return end;
    },
  };
}
