/** (a) From the start of start-worker to the start of the worker, on every provider; and the dummy worker's whole run. */
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
  START_WORKER,
  times,
  timeRun,
  type Program,
  type Row,
} from './measure.ts';
import { startCloud, STATIC_SECRET } from './simulator.ts';

const NOTE_START = join(ROOT, 'bench', 'programs', 'note-start.sh');
const ROUND_TRIP_MS = 80;
const METADATA_MS = 2;
/** What worker-manager itself takes for registerWorker. */
const REGISTER_MS = 150;
/** TCP, TLS, and the secrets, which are asked for at the same time. */
const SECRETS_MS = 3 * ROUND_TRIP_MS;
const REGISTRATION_MS = ROUND_TRIP_MS + REGISTER_MS;

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

const PROVIDERS = ['standalone', 'static', 'aws', 'azure', 'google'] as const;
type ProviderName = (typeof PROVIDERS)[number];

/** The latencies that no runner can avoid, one after the other; the metadata service is asked for what depends on nothing at once. */
const UNAVOIDABLE_MS: Readonly<Record<ProviderName, number>> = {
  standalone: SECRETS_MS,
  static: SECRETS_MS + REGISTRATION_MS,
  // The token, then everything else.
  aws: 2 * METADATA_MS + SECRETS_MS + REGISTRATION_MS,
  // The identity proof needs the first answers, but it fits into the handshake with Taskcluster.
  azure: METADATA_MS + SECRETS_MS + REGISTRATION_MS,
  google: METADATA_MS + SECRETS_MS + REGISTRATION_MS,
};

const WORKER = { workerPoolId: 'bench/pool', workerGroup: 'g' };

function scenarioOf(provider: ProviderName): object {
  if (provider === 'standalone' || provider === 'static') return {};
  return {
    machine: { cloud: provider, providerId: 'bench', ...WORKER },
    metadata: { port: 0, delay: `${METADATA_MS}ms` },
  };
}

/** @param provider its section of the runner config, as YAML takes it */
export function benchConfig(provider: ProviderName, rootUrl: string, folder: string, path: string): string {
  const identity = { rootURL: rootUrl, workerPoolID: WORKER.workerPoolId, workerGroup: 'g', workerID: 'w' };
  const own = {
    standalone: { ...identity, clientID: 'bench', accessToken: STATIC_SECRET },
    static: { ...identity, providerID: 'bench', staticSecret: STATIC_SECRET },
    aws: {},
    azure: {},
    google: {},
  } as const;
  return JSON.stringify({
    provider: { providerType: provider, ...own[provider] },
    worker: { implementation: 'generic-worker', path, configPath: join(folder, 'worker.json') },
    // The machine outlives the measurement.
    lifecycle: { onExit: { 0: 'keep' } },
  });
}

/** Milliseconds from before the spawn of start-worker until its worker runs. */
async function bootTime(program: Program, startedFile: string): Promise<number> {
  const before = performance.timeOrigin + performance.now();
  await timeRun({ ...program, env: { ...program.env, WORKER_STARTED_FILE: startedFile } });
  return Number(readFileSync(startedFile, 'utf8')) / 1e6 - before;
}

interface Boot {
  readonly provider: ProviderName;
  readonly options: readonly string[];
  readonly faults: readonly object[];
  readonly runs: number;
}

/** The medians of a boot and, run in turn with it, of an empty program. */
async function measureBoot(folder: string, boot: Boot): Promise<{ boot: number; empty: number }> {
  const boots: number[] = [];
  const empties: number[] = [];
  // A cloud's worker registers once, so each run has a cloud of its own. The first run warms up the machine.
  for (let run = 0; run <= boot.runs; run += 1) {
    const cloud = await startCloud(folder, boot.options, {
      ...scenarioOf(boot.provider),
      faults: boot.faults,
    });
    const config = join(folder, 'boot.yml');
    writeFileSync(config, benchConfig(boot.provider, cloud.rootUrl, folder, NOTE_START), { mode: 0o600 });
    const program: Program = { file: START_WORKER, args: [config], env: cloud.env };
    const time = await bootTime(program, join(folder, 'started'));
    await cloud.end();
    const empty = await timeRun(EMPTY);
    if (run === 0) continue;
    boots.push(time);
    empties.push(empty);
  }
  return { boot: median(boots), empty: median(empties) };
}

export async function benchBoot(folder: string): Promise<Row[]> {
  const plain = await measureBoot(folder, { provider: 'static', options: [], faults: [], runs: 9 });
  const rows: Row[] = [
    { what: 'boot to worker, static, plain', figure: ms(plain.boot), ratio: times(plain.boot / plain.empty) },
  ];
  for (const provider of PROVIDERS) {
    const { boot, empty } = await measureBoot(folder, {
      provider,
      options: ['--tls', '--rtt', `${ROUND_TRIP_MS}ms`],
      faults: [{ call: 'registerWorker', delay: `${REGISTER_MS}ms` }],
      runs: 9,
    });
    const unavoidable = UNAVOIDABLE_MS[provider];
    rows.push({
      what: `boot to worker, ${provider}, TLS, round trip ${ROUND_TRIP_MS} ms`,
      figure: ms(boot),
      ratio: `${times(boot / empty)}; ${times(boot / unavoidable)} the ${unavoidable} ms that nobody can avoid`,
      target: '≤ 1.40 × those',
    });
  }
  return rows;
}
