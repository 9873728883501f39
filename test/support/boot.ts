/** Boots the built start-worker against a Taskcluster of the test, and says what became of it. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { EXIT_CODES, type ExitCodeName } from '../../src/exit-codes.ts';
import { runProgram, withoutSummary, type ProgramResult } from './program.ts';
import { genericWorker, staticProvider, writeRunnerConfig, writeScript } from './runner-config.ts';
import { WORKER } from './simulator.ts';
import { temporaryFolder } from './temp.ts';

/** What the worker of a boot says: whether it was started. */
const WORKER_RAN = 'the worker of the test runs';

/** How whoever runs the tests reaches the internet has no say in them. */
const NO_NETWORK_SETTINGS: Readonly<Record<string, undefined>> = Object.fromEntries(
  [
    ...['http_proxy', 'https_proxy', 'no_proxy'].flatMap(name => [name, name.toUpperCase()]),
    ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS'],
  ].map(name => [name, undefined]),
);

export interface BootOptions {
  /** Sections of the runner config, in the place of ours. */
  readonly config?: object;
  readonly env?: Readonly<Record<string, string>>;
  /** What the worker does, as a shell script, besides saying that it runs. */
  readonly worker?: string;
}

/** Runs start-worker as WORKER, with little patience unless the test says otherwise. */
export async function boot(
  t: TestContext,
  rootUrl: string,
  { config = {}, env = {}, worker = '' }: BootOptions = {},
): Promise<ProgramResult> {
  const folder = await temporaryFolder(t);
  const path = await writeScript(folder, 'worker', `echo '${WORKER_RAN}'\n${worker}`);
  const runnerConfig = await writeRunnerConfig(folder, {
    provider: staticProvider(rootUrl),
    worker: genericWorker(folder, path),
    network: { retryFor: '3s', attemptTimeout: '3s' },
    ...config,
  });
  return runProgram('start-worker', [runnerConfig], { env: { ...NO_NETWORK_SETTINGS, ...env } });
}

/** The worker was started and ended well, and the runner's exit code says so. */
export function assertWorked({ code, stderr }: ProgramResult): void {
  assert.equal(code, 0, stderr);
  assert.ok(stderr.includes(WORKER_RAN), stderr);
  assert.deepEqual(linesOf(stderr, 'error'), []);
  assertNoSecrets(stderr);
}

/**
 * The run ended as documented: with its exit code, with one statement of what happened and what to do as its last words,
 * without a stack, a secret, or a worker.
 * @returns the statement
 */
export function assertFailed(result: ProgramResult, exit: ExitCodeName): string {
  const { code, stdout, stderr } = result;
  assert.equal(code, EXIT_CODES[exit].code, stderr);
  assert.equal(stdout, '');
  const errors = linesOf(stderr, 'error');
  assert.equal(errors.length, 2, stderr);
  const [statement = '', advice = ''] = errors;
  assert.doesNotMatch(statement, /^what to do/);
  assert.match(advice, /^what to do: ./);
  assert.ok(withoutSummary(stderr).endsWith(`start-worker: error: ${advice}\n`), stderr);
  assert.ok(!/^.*? {4}at /m.test(stderr), 'a stack');
  assert.ok(!stderr.includes(WORKER_RAN), 'the worker was started');
  assertNoSecrets(stderr);
  return statement;
}

/** None of these values, nor the identity proof, is in the text: not plain, not encoded. */
export function assertNoSecrets(text: string, ...secrets: readonly string[]): void {
  for (const secret of [WORKER.staticSecret, ...secrets]) {
    const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')];
    for (const form of forms) assert.ok(!text.includes(form), `${form} is shown:\n${text}`);
  }
}

/** The runner's warnings: one a retry. */
export function warningsOf({ stderr }: ProgramResult): readonly string[] {
  return linesOf(stderr, 'warning');
}

function linesOf(stderr: string, severity: 'warning' | 'error'): readonly string[] {
  const start = `start-worker: ${severity}: `;
  return stderr
    .split('\n')
    .filter(line => line.includes(start))
    .map(line => line.slice(line.indexOf(start) + start.length));
}
