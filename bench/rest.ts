/** (c) What start-worker weighs beside a worker that rests. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTaskcluster, staticConfig } from './boot.ts';
import { mib, NODE, residentMemory, ROOT, START_WORKER, times, type Row } from './measure.ts';

const REST_MS = 5_000;

export async function benchRest(folder: string): Promise<Row[]> {
  const taskcluster = await startTaskcluster(folder, ['--tls']);
  const config = join(folder, 'rest.yml');
  writeFileSync(
    config,
    staticConfig(taskcluster.rootUrl, folder, join(ROOT, 'bench', 'programs', 'rests.sh')),
  );
  const runner = spawn(START_WORKER, [config], {
    env: { ...process.env, ...taskcluster.env },
    stdio: 'ignore',
  });
  const empty = spawn(NODE, ['-e', 'setTimeout(() => {}, 600_000)'], { stdio: 'ignore' });
  await sleep(REST_MS);
  const memory = residentMemory(runner.pid ?? 0);
  const emptyMemory = residentMemory(empty.pid ?? 0);
  empty.kill('SIGKILL');
  const ended = new Promise(resolve => runner.on('exit', resolve));
  // The resting worker knows no messages: one signal asks it in vain, the second ends it.
  runner.kill('SIGTERM');
  runner.kill('SIGINT');
  await ended;
  await taskcluster.end();
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
