/**
 * How start-worker's own failures end the process. A worker's own exit code is passed through unchanged, and a
 * worker that died of a signal gives 128 + the signal's number; the codes from 100 to 119 are the runner's alone.
 * `--help`, docs/exit-codes.md and the errors all read this table.
 */
export interface ExitCode {
  readonly code: number;
  readonly name: string;
  readonly meaning: string;
  /** What a supervisor (systemd, a wrapper script, a person) should do. */
  readonly advice: string;
}

function exitCode(code: number, name: string, meaning: string, advice: string): ExitCode {
  return { code, name, meaning, advice };
}

export const EXIT_CODES = {
  internal: exitCode(100, 'internal', 'a fault of start-worker itself', 'restart; please report the log'),
  usage: exitCode(101, 'usage', 'wrong command line', 'correct the command; do not restart'),
  config: exitCode(
    102,
    'config',
    'the runner config is missing, unreadable or wrong; or a proxy variable of the environment is',
    'correct the file; do not restart',
  ),
  refused: exitCode(
    103,
    'refused',
    'Taskcluster refused a call (registration, credentials, scopes, secrets)',
    'correct the worker pool, the secret or the scopes; do not restart',
  ),
  unreachable: exitCode(
    104,
    'unreachable',
    'Taskcluster could not be reached, or kept failing, for as long as network.retryFor',
    'restart with a delay',
  ),
  untrusted: exitCode(
    105,
    'untrusted',
    'the certificate of rootURL is not trusted, has expired or names another host',
    'correct the certificate, the CA store or the clock; restart with a delay',
  ),
  badReply: exitCode(
    106,
    'bad-reply',
    'a reply was not what Taskcluster sends (HTML, cut off, wrong shape)',
    'look at what answers at rootURL; restart with a delay',
  ),
  badSource: exitCode(
    107,
    'bad-source',
    'configuration or files from the worker pool or a secret are wrong',
    'correct the worker pool or the secret; do not restart',
  ),
  files: exitCode(
    108,
    'files',
    'a file could not be written (full disk, permissions, a path that is a folder)',
    'make room or correct the path; do not restart',
  ),
  workerStart: exitCode(
    109,
    'worker-start',
    'the worker program is missing or cannot be started, worker.user is wrong, or an earlier worker cannot be ended',
    'correct worker.path or worker.user, or end that worker; do not restart',
  ),
  /** Of the launcher (tools/launcher.cjs), which runs before any other code. */
  runtime: exitCode(
    110,
    'runtime',
    'there is no Node.js in PATH, or it is older than 22.18',
    'install a newer Node.js; do not restart',
  ),
  metadata: exitCode(
    111,
    'metadata',
    "the cloud's metadata service did not answer, or not as expected; or it does not say which worker this is",
    'look at what the log names: the wrong provider, a container without access, a missing tag; restart with a delay',
  ),
  interrupted: exitCode(
    112,
    'interrupted',
    'the cloud announced the end of this machine before the worker was started',
    'nothing: the machine is on its way out; do not restart',
  ),
  expired: exitCode(
    113,
    'expired',
    'the credentials that an earlier start of this machine left have ended, and nothing can renew them',
    'nothing: a machine of a cloud is disposed of; do not restart',
  ),
  busy: exitCode(
    114,
    'busy',
    'another start-worker is running this worker already',
    'end that one first; do not restart',
  ),
  notRunning: exitCode(
    115,
    'not-running',
    '--status: no start-worker answers at status.listen',
    'look at its log, or start it',
  ),
  unhealthy: exitCode(
    116,
    'unhealthy',
    '--status: the run has problems, which are shown',
    'look at what is shown; the run itself goes on',
  ),
} as const satisfies Record<string, ExitCode>;

export type ExitCodeName = keyof typeof EXIT_CODES;
