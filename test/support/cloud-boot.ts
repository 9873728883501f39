/** Boots the built start-worker on a simulated machine of a cloud, and says what its worker got. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { EXIT_CODES, type ExitCodeName } from '../../src/exit-codes.ts';
import type { JsonObject } from '../../src/json.ts';
import type { RecordedRequest } from '../../src/simulator/index.ts';
import { type CloudMachine, runOnCloud } from './cloud-machine.ts';

type Ended = Awaited<ReturnType<typeof runOnCloud>>;

export interface CloudBoot extends Ended {
  /** The configuration that the worker was started with; undefined where it was not started. */
  readonly workerConfig: JsonObject | undefined;
  /** What the metadata service was asked. */
  readonly asked: readonly RecordedRequest[];
  /** The bodies of registerWorker. */
  readonly registrations: readonly JsonObject[];
}

/** @param machine its worker ends at once */
export async function bootOnCloud(t: TestContext, machine: CloudMachine): Promise<CloudBoot> {
  let folder = '';
  const ended = await runOnCloud(t, {
    worker: 'cp "$3" "$3.seen"',
    ...machine,
    config(ours) {
      folder = ours;
      return machine.config?.(ours) ?? {};
    },
  });
  const { requests } = ended.simulator;
  const seen = join(folder, 'worker.json.seen');
  assert.doesNotMatch(ended.log, /\n\s+at |fault of start-worker/);
  assert.deepEqual(ended.halts, []);
  return {
    ...ended,
    workerConfig: existsSync(seen) ? (JSON.parse(await readFile(seen, 'utf8')) as JsonObject) : undefined,
    asked: requests.filter(({ call }) => call === 'metadata'),
    registrations: requests.flatMap(({ call, payload }) =>
      call === 'registerWorker' ? [payload as JsonObject] : [],
    ),
  };
}

/**
 * The worker was started and ended well, and nothing was an error.
 * @returns its configuration
 */
export function configOf({ code, log, workerConfig }: CloudBoot): JsonObject {
  assert.equal(code, 0, log);
  assert.doesNotMatch(log, /: error: /);
  assert.ok(workerConfig !== undefined, log);
  return workerConfig;
}

/**
 * The boot ended with this exit code, without a worker, and with one statement of what happened and what to do.
 * @returns both lines
 */
export function refusalOf({ code, log, workerConfig }: CloudBoot, exit: ExitCodeName): string {
  assert.equal(code, EXIT_CODES[exit].code, log);
  assert.equal(workerConfig, undefined, 'the worker was started');
  const [statement = '', advice = '', ...others] = Array.from(
    log.matchAll(/: error: (.*)/g),
    ([, line = '']) => line,
  );
  assert.deepEqual(others, []);
  assert.doesNotMatch(statement, /^what to do/);
  assert.match(advice, /^what to do: ./);
  return `${statement}\n${advice}`;
}

export function warningsOf({ log }: Ended): readonly string[] {
  return Array.from(log.matchAll(/: warning: (.*)/g), ([, line = '']) => line);
}
