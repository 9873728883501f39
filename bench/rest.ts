/** (c) What start-worker weighs beside a worker that rests, and what polling costs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { benchConfig } from './boot.ts';
import { mib, NODE, residentMemory, ROOT, START_WORKER, times, type Row } from './measure.ts';
import { startCloud } from './simulator.ts';

const REST_MS = 5_000;
const RESTS = join(ROOT, 'bench', 'programs', 'rests.sh');

/** Polling is looked at after this long, and again at the end. */
const POLLING_BEGINS_MS = 60_000;
const POLLING_ENDS_MS = 600_000;

export async function benchRest(folder: string): Promise<Row[]> {
  const cloud = await startCloud(folder, ['--tls']);
  const config = join(folder, 'rest.yml');
  writeFileSync(config, benchConfig('static', cloud.rootUrl, folder, RESTS), { mode: 0o600 });
  const runner = startRunner(config, cloud.env);
  const empty = spawn(NODE, ['-e', 'setTimeout(() => {}, 600_000)'], { stdio: 'ignore' });
  await sleep(REST_MS);
  const memory = residentMemory(runner.pid ?? 0);
  const emptyMemory = residentMemory(empty.pid ?? 0);
  empty.kill('SIGKILL');
  await endRunner(runner);
  await cloud.end();
  return [
    { what: 'an empty Node program with a timer, at rest', figure: mib(emptyMemory) },
    {
      what: `static over TLS, ${REST_MS / 1000} s after the start, at rest`,
      figure: mib(memory),
      ratio: times(memory / emptyMemory),
      target: '≤ 75 MiB',
    },
  ];
}

/** Ten minutes of Azure's scheduled events, each second. */
export async function benchPolling(folder: string): Promise<Row[]> {
  const cloud = await startCloud(folder, ['--tls'], {
    machine: { cloud: 'azure', providerId: 'bench', workerPoolId: 'bench/pool', workerGroup: 'g' },
    metadata: { port: 0 },
  });
  const config = join(folder, 'polling.yml');
  writeFileSync(config, benchConfig('azure', cloud.rootUrl, folder, RESTS), { mode: 0o600 });
  const runner = startRunner(config, cloud.env);
  const pid = runner.pid ?? 0;
  await sleep(POLLING_BEGINS_MS);
  const before = { memory: residentMemory(pid), cpuMs: processorTime(pid), at: performance.now() };
  await sleep(POLLING_ENDS_MS - POLLING_BEGINS_MS);
  const memory = residentMemory(pid);
  const share = (processorTime(pid) - before.cpuMs) / (performance.now() - before.at);
  await endRunner(runner);
  await cloud.end();
  return [
    {
      what: 'azure, polling each second for ten minutes: processor time',
      figure: `${(share * 100).toFixed(2)} % of a core`,
      target: '≤ 0.20 %',
    },
    {
      what: 'the same: memory after one and after ten minutes',
      figure: `${mib(before.memory)}, ${mib(memory)}`,
      target: '≤ 5 MB apart',
    },
  ];
}

function startRunner(config: string, env: Readonly<Record<string, string>>): ChildProcess {
  const runner = spawn(START_WORKER, [config], { env: { ...process.env, ...env }, stdio: 'ignore' });
  // A benchmark that fails must not leave it running.
  process.on('exit', () => runner.kill('SIGTERM'));
  return runner;
}

/** The resting worker knows no messages: one signal asks it in vain, the second ends it. */
async function endRunner(runner: ChildProcess): Promise<void> {
  const ended = new Promise(resolve => runner.on('exit', resolve));
  runner.kill('SIGTERM');
  runner.kill('SIGINT');
  await ended;
}

/** What a process and its threads have used so far, in milliseconds. */
function processorTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name may hold anything, also blanks and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const TICK_MS = 10;
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
