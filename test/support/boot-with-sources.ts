/** A whole boot of a static machine whose pool and secrets hold what a test says, up to its worker. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { EXIT_CODES } from '../../src/exit-codes.ts';
import type { JsonObject, JsonValue } from '../../src/json.ts';
import { programPath, type ProgramResult } from './program.ts';
import { genericWorker, staticProvider, writeRunnerConfig, writeScript } from './runner-config.ts';
import { runCommand } from './shell.ts';
import { simulate, WORKER } from './simulator.ts';
import { temporaryFolder } from './temp.ts';
import { makeZip, type ZipEntry } from './zip.ts';

export interface BootSources {
  /** What worker-manager answers as the pool's workerConfig. */
  readonly pool?: JsonObject;
  /** The secret worker-pool:…, or the status that asking for it gets. */
  readonly secret?: JsonObject | 403 | 404 | 410;
  /** The secret worker-type:… */
  readonly oldSecret?: JsonObject | 403 | 404 | 410;
  /** More keys of the runner config. */
  readonly config?: object;
  /** Makes the command that runs start-worker from its command line; the folder is where config and worker are. */
  readonly wrap?: (command: readonly string[], folder: string) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface SourcedBoot extends ProgramResult {
  /** The configuration that the worker was started with; undefined where it was not started. */
  readonly workerConfig: JsonObject | undefined;
}

export async function bootWithSources(t: TestContext, options: BootSources): Promise<SourcedBoot> {
  const folder = await temporaryFolder(t);
  const { pool, secret, oldSecret } = options;
  const simulator = await simulate(t, {
    workerPools: { [WORKER.workerPoolId]: { workerConfig: pool ?? {} } },
    secrets: {
      ...(secret === undefined ? {} : { [`worker-pool:${WORKER.workerPoolId}`]: secret }),
      ...(oldSecret === undefined ? {} : { [`worker-type:${WORKER.workerPoolId}`]: oldSecret }),
    },
  });
  const worker = await writeScript(folder, 'worker', `cp "$3" '${folder}/seen.json'`);
  const config = await writeRunnerConfig(folder, {
    provider: staticProvider(simulator.rootUrl),
    worker: genericWorker(folder, worker),
    ...options.config,
  });
  const command = [programPath('start-worker'), config];
  const result = await runCommand(options.wrap?.(command, folder) ?? command, options.env);
  const seen = join(folder, 'seen.json');
  assert.doesNotMatch(result.stderr, /\n\s+at |fault of start-worker/);
  return {
    ...result,
    workerConfig: existsSync(seen) ? (JSON.parse(await readFile(seen, 'utf8')) as JsonObject) : undefined,
  };
}

/** An entry of `files`. */
export function fileEntry(path: string, content: string | Buffer, more: JsonObject = {}): JsonObject {
  return {
    path,
    content: Buffer.from(content).toString('base64'),
    encoding: 'base64',
    format: 'file',
    ...more,
  };
}

/** What a pool's workerConfig is with these files. */
export function poolWith(...files: readonly JsonValue[]): JsonObject {
  return { genericWorker: { files } };
}

/** An entry of `files` with a zip. */
export function zipEntry(path: string, entries: readonly ZipEntry[], more: JsonObject = {}): JsonObject {
  return fileEntry(path, makeZip(entries), { format: 'zip', ...more });
}

/** Holds a boot to its refusal: the code, what it says, no content in it, and no worker. */
export function assertRefused(
  { code, stderr, workerConfig }: SourcedBoot,
  exit: 'badSource' | 'files',
  text: RegExp,
): void {
  assert.equal(code, EXIT_CODES[exit].code, stderr);
  assert.match(stderr, text);
  assert.match(stderr, /error: what to do: /);
  assert.equal(workerConfig, undefined, 'the worker was started');
  assert.doesNotMatch(stderr, /started the worker/);
}
