#!/usr/bin/env node
// A worker in about 30 lines, started as generic-worker is: example-worker.mjs run --config <path> --with-worker-runner
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { connectToRunner } from 'worker-runner/protocol';

const { values } = parseArgs({
  allowPositionals: true,
  options: { config: { type: 'string' }, 'with-worker-runner': { type: 'boolean' } },
});
const config = JSON.parse(await readFile(values.config, 'utf8'));
const { numberOfTasksToRun = 3, taskSeconds = 0.3, greeting = 'Hello!', workerGroup, workerId } = config;

const now = new AbortController();
let ending = false;
const runner = await connectToRunner({
  onGracefulTermination(finishTasks) {
    ending = true;
    if (!finishTasks) now.abort();
  },
});

runner.log(`${greeting} Worker ${workerGroup}/${workerId} is ready for ${numberOfTasksToRun} tasks`);
let done = 0;
while (done < numberOfTasksToRun && !ending) {
  runner.log({ textPayload: `task ${done + 1} of ${numberOfTasksToRun} begins`, task: done + 1 });
  // A real worker would claim a task from the queue and run it here.
  await sleep(taskSeconds * 1000, undefined, { signal: now.signal }).catch(() => undefined);
  if (now.signal.aborted) break;
  done += 1;
  runner.log({ textPayload: `task ${done} of ${numberOfTasksToRun} is done`, task: done });
}
runner.log(ending ? `asked to end: ending after ${done} tasks` : `all ${done} tasks are done`);
await runner.close();
