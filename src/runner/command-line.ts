/** What the words after `start-worker` mean. */
import { EXIT_CODES } from '../exit-codes.ts';

/** What can be asked about a runner config instead of a run. */
type ConfigQuestion = 'check' | 'status';

export type Command =
  | { readonly kind: 'run' | ConfigQuestion; readonly configPath: string }
  | { readonly kind: 'help' | 'version' | 'short-version' }
  | { readonly kind: 'wrong'; readonly reason: string };

const PLAIN_OPTIONS: ReadonlyMap<string, 'help' | 'version' | 'short-version'> = new Map([
  ['--help', 'help'],
  ['-h', 'help'],
  ['--version', 'version'],
  ['--short-version', 'short-version'],
]);

const QUESTIONS: ReadonlyMap<string, ConfigQuestion> = new Map([
  ['--check', 'check'],
  ['--status', 'status'],
]);

/** @param args the words after the program's name */
export function parseCommandLine(args: readonly string[]): Command {
  const operands: string[] = [];
  let kind: 'run' | ConfigQuestion = 'run';
  let optionsEnded = false;
  for (const arg of args) {
    const plain = optionsEnded ? undefined : PLAIN_OPTIONS.get(arg);
    if (plain !== undefined) return { kind: plain };
    const question = optionsEnded ? undefined : QUESTIONS.get(arg);
    if (question !== undefined) {
      if (kind !== 'run' && kind !== question)
        return { kind: 'wrong', reason: '--check and --status are two commands' };
      kind = question;
    } else if (optionsEnded || !arg.startsWith('-') || arg === '-') operands.push(arg);
    else if (arg === '--') optionsEnded = true;
    else return { kind: 'wrong', reason: `unknown option ${arg}` };
  }
  const [configPath, extra] = operands;
  if (configPath === undefined || configPath === '')
    return { kind: 'wrong', reason: 'the runner config is missing' };
  if (extra !== undefined)
    return { kind: 'wrong', reason: `one runner config is enough, but "${extra}" came after it` };
  return { kind, configPath };
}

export const USAGE = `Usage:
  start-worker <runnerConfig>           take this machine to its first task
  start-worker --check <runnerConfig>   say what is wrong with a runner config; change nothing, ask nobody
  start-worker --status <runnerConfig>  say how the run is that was started with it (status.listen)
  start-worker --help | -h              this text
  start-worker --version                name and version
  start-worker --short-version          the version alone
`;

/** The text of --help: usage and the exit codes. */
export function helpText(): string {
  const rows = Object.values(EXIT_CODES).map(({ code, meaning }) => `  ${code}     ${meaning}`);
  return `start-worker takes a machine from boot to its first Taskcluster task: it registers the worker, collects its
configuration, starts it, and talks with it until it ends.

${USAGE}
Exit codes:
  0       the worker ended with 0, or there was nothing to start (dummy, --check); --status: the run is well
  n       any other code that the worker ended with, unchanged
  128+n   signal n ended the worker, or ended the boot before it was started
${rows.join('\n')}

The runner config, the log and the protocol are described in docs/ and protocol.md.
`;
}
