/** (a) From the start of start-worker to the start of the worker, and the dummy worker's whole run. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  EMPTY,
  medians,
  median,
  mib,
  ms,
  peakMemory,
  ROOT,
  SIMULATE_CLOUD,
  START_WORKER,
  times,
  timeRun,
  type Program,
  type Row,
} from './measure.ts';

const STATIC_SECRET = 'static-secret-of-a-worker-for-the-benchmark1';
const NOTE_START = join(ROOT, 'bench', 'programs', 'note-start.sh');
const ROUND_TRIP_MS = 80;
/** TCP, TLS, registerWorker, and one more for the secrets, which are asked for at the same time. */
const UNAVOIDABLE_ROUND_TRIPS = 4;

export async function benchDummy(folder: string): Promise<Row[]> {
  const config = join(folder, 'dummy.yml');
  writeFileSync(
    config,
    `provider: {providerType: standalone, rootURL: 'http://127.0.0.1:1', clientID: c, accessToken: t-0123456789, workerPoolID: a/b, workerGroup: g, workerID: w}
worker: {implementation: dummy}
getSecrets: false
`,
  );
  const dummy: Program = { file: START_WORKER, args: [config] };
  const [empty = Number.NaN, wall = Number.NaN] = await medians([EMPTY, dummy], 15);
  const emptyPeak = await peakMemory(EMPTY, folder);
  const peak = await peakMemory(dummy, folder);
  return [
    { what: 'an empty Node program', figure: `${ms(empty)}, ${mib(emptyPeak)} at its peak` },
    {
      what: 'standalone + dummy, wall time',
      figure: ms(wall),
      ratio: times(wall / empty),
      target: '≤ 2.2 ×',
    },
    {
      what: 'standalone + dummy, peak memory',
      figure: mib(peak),
      ratio: times(peak / emptyPeak),
      target: '≤ 60 MiB',
    },
  ];
}

interface SimulatedTaskcluster {
  readonly rootUrl: string;
  readonly env: Readonly<Record<string, string>>;
  end(): Promise<void>;
}

/** Starts simulate-cloud as a process of its own, and waits until it says where it is. */
export async function startTaskcluster(
  folder: string,
  options: readonly string[],
): Promise<SimulatedTaskcluster> {
  const scenario = join(folder, 'scenario.yml');
  writeFileSync(
    scenario,
    `workers:
  - {providerId: bench, workerPoolId: bench/pool, workerGroup: g, workerId: w, staticSecret: ${STATIC_SECRET}}
secrets:
  worker-pool:bench/pool: {config: {key: value}, files: []}
`,
  );
  const child = spawn(SIMULATE_CLOUD, [...options, '--port', '0', scenario], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  // A benchmark that fails must not leave it running.
  process.on('exit', () => child.kill());
  let said = '';
  await new Promise<void>((resolve, reject) => {
    child.on('exit', () => reject(new Error(`simulate-cloud ended: ${said}`)));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (/https?:\/\/\S+/.test(said) && (!options.includes('--tls') || /SSL_CERT_FILE=\S+/.test(said)))
        resolve();
    });
  });
  const caFile = /SSL_CERT_FILE=(\S+)/.exec(said)?.[1];
  return {
    rootUrl: /https?:\/\/[\w.]+:\d+/.exec(said)?.[0] ?? '',
    env: caFile === undefined ? {} : { SSL_CERT_FILE: caFile, NODE_EXTRA_CA_CERTS: '', SSL_CERT_DIR: '' },
    end: () =>
      new Promise(resolve => {
        child.on('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

export function staticConfig(rootUrl: string, folder: string, workerPath: string): string {
  return `provider: {providerType: static, rootURL: '${rootUrl}', providerID: bench, workerPoolID: bench/pool, workerGroup: g, workerID: w, staticSecret: ${STATIC_SECRET}}
worker: {implementation: generic-worker, path: ${workerPath}, configPath: ${join(folder, 'worker.json')}}
`;
}

/** Milliseconds from before the spawn of start-worker until its worker runs. */
async function bootTime(program: Program, startedFile: string): Promise<number> {
  const before = performance.timeOrigin + performance.now();
  await timeRun({ ...program, env: { ...program.env, WORKER_STARTED_FILE: startedFile } });
  return Number(readFileSync(startedFile, 'utf8')) / 1e6 - before;
}

export async function benchBoot(folder: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, options, unavoidable } of [
    { name: 'plain', options: [], unavoidable: 0 },
    {
      name: `TLS, round trip ${ROUND_TRIP_MS} ms`,
      options: ['--tls', '--rtt', `${ROUND_TRIP_MS}ms`],
      unavoidable: UNAVOIDABLE_ROUND_TRIPS * ROUND_TRIP_MS,
    },
  ]) {
    const taskcluster = await startTaskcluster(folder, options);
    const config = join(folder, 'static.yml');
    writeFileSync(config, staticConfig(taskcluster.rootUrl, folder, NOTE_START));
    const program: Program = { file: START_WORKER, args: [config], env: taskcluster.env };
    const boots: number[] = [];
    const empties: number[] = [];
    for (let run = 0; run < 12; run += 1) {
      const boot = await bootTime(program, join(folder, 'started'));
      const empty = await timeRun(EMPTY);
      // The first run warms up the machine.
      if (run === 0) continue;
      boots.push(boot);
      empties.push(empty);
    }
    await taskcluster.end();
    const boot = median(boots);
    rows.push({
      what: `boot to worker, static, ${name}`,
      figure: ms(boot),
      ratio:
        unavoidable === 0
          ? times(boot / median(empties))
          : `${times(boot / median(empties))}; ${times(boot / unavoidable)} the ${unavoidable} ms that nobody can avoid`,
    });
  }
  return rows;
}
