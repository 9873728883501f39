/** What the words after `simulate-cloud` mean. */
import type { ScenarioFault, ScenarioInput } from './index.ts';
import { scenarioMistakes } from './scenario.ts';

export type CommandLine =
  | {
      readonly kind: 'run';
      readonly scenarioPath: string;
      /** What the options say; it stands above the scenario. Its faults come before the scenario's. */
      readonly overrides: ScenarioInput;
      readonly quiet: boolean;
      /** Whether the metadata service is to be at the address that every cloud uses. */
      readonly realAddress: boolean;
      /** The program to run and its arguments; empty where none is given. */
      readonly command: readonly string[];
    }
  | { readonly kind: 'help' | 'version' }
  | { readonly kind: 'wrong'; readonly reason: string };

export const USAGE = `Usage:
  simulate-cloud [options] <scenario> [-- <command> [argument…]]
  simulate-cloud --help | -h | --version

Options, above what the scenario says:
  --port N                 listen on this port of 127.0.0.1 (0: any free one)
  --metadata-port N        the same for the metadata service of the scenario's machine
  --real-address           put the metadata service at 169.254.169.254:80 instead (root, in a network namespace)
  --tls                    serve over TLS with a throw-away certificate authority
  --lease DURATION         how long issued credentials last, such as 90s
  --slow DURATION          hold every answer back, such as 2s
  --rtt DURATION           simulate a network round trip, such as 80ms
  --fail CALL:STATUS[:N]   answer a call with a status, N times or for ever, such as registerWorker:503:2
  --quiet                  no line for each request
`;

/** Where an option's value goes in a scenario. */
const VALUE_OPTIONS: Readonly<Record<string, 'port' | 'metadata' | 'lease' | 'delay' | 'rtt' | 'fail'>> = {
  '--port': 'port',
  '--metadata-port': 'metadata',
  '--lease': 'lease',
  '--slow': 'delay',
  '--rtt': 'rtt',
  '--fail': 'fail',
};

/** @param args the words after the program's name */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const end = args.includes('--') ? args.indexOf('--') : args.length;
  const words = args.slice(0, end).flatMap(splitAssignment);
  const overrides: Record<string, unknown> = {};
  const faults: ScenarioFault[] = [];
  const operands: string[] = [];
  let quiet = false;
  let realAddress = false;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    const option = Object.hasOwn(VALUE_OPTIONS, word) ? VALUE_OPTIONS[word] : undefined;
    if (word === '--help' || word === '-h') return { kind: 'help' };
    if (word === '--version') return { kind: 'version' };
    if (word === '--quiet') quiet = true;
    else if (word === '--real-address') realAddress = true;
    else if (word === '--tls') overrides.tls = true;
    else if (option !== undefined) {
      const value = words[++index];
      if (value === undefined) return { kind: 'wrong', reason: `${word} needs a value` };
      if (option === 'fail') faults.push(parseFault(value));
      else if (option === 'metadata') overrides.metadata = { port: parsePort(value) };
      else overrides[option] = option === 'port' ? parsePort(value) : value;
    } else if (word.startsWith('-')) return { kind: 'wrong', reason: `unknown option ${word}` };
    else operands.push(word);
  }
  const [mistake] = scenarioMistakes({ ...overrides, faults });
  if (mistake !== undefined) return { kind: 'wrong', reason: `${optionAt(mistake.pointer)} ${mistake.text}` };
  const [scenarioPath, extra] = operands;
  if (scenarioPath === undefined) return { kind: 'wrong', reason: 'the scenario is missing' };
  if (extra !== undefined) {
    return {
      kind: 'wrong',
      reason: `one scenario is enough, but "${extra}" came after it (a command goes behind --)`,
    };
  }
  const command = args.slice(end + 1);
  if (end < args.length && command.length === 0)
    return { kind: 'wrong', reason: 'there is no command behind --' };
  return { kind: 'run', scenarioPath, overrides: { ...overrides, faults }, quiet, realAddress, command };
}

/** `--port=8090` is `--port 8090`. */
function splitAssignment(word: string): string[] {
  const at = word.indexOf('=');
  return word.startsWith('--') && at > 0 ? [word.slice(0, at), word.slice(at + 1)] : [word];
}

/** What is no number is left to the schema to refuse. */
function parsePort(value: string): number | string {
  return /^[0-9]+$/.test(value) ? Number(value) : value;
}

/** `registerWorker:503:2`; what has another form is left to the schema to refuse. */
function parseFault(value: string): ScenarioFault {
  const [call, status = '', times] = value.split(':');
  const fault = { call, status: Number(status), ...(times === undefined ? {} : { times: Number(times) }) };
  return fault as ScenarioFault;
}

function optionAt(pointer: string): string {
  const [, key, , part] = pointer.split('/');
  if (key === 'faults') return `--fail: its ${part ?? 'value'}`;
  return Object.entries(VALUE_OPTIONS).find(([, place]) => place === key)?.[0] ?? 'the options: the value';
}

export function helpText(): string {
  return `simulate-cloud is a Taskcluster on your own machine, for trying a runner config: workers register with it and get
their configuration, secrets and credentials, and it can be slow, fail, lie and let credentials expire. With a machine
in its scenario it is a VM of AWS, Azure or Google as well: a metadata service, and notices that the VM is to end.

${USAGE}
CALL is registerWorker, reregisterWorker, removeWorker, reportWorkerError, getSecret, ping, any (of these), or metadata.
Unless the scenario or an option says otherwise it listens on http://127.0.0.1:8090: the rootURL for your runner config.
The command runs with TASKCLUSTER_ROOT_URL set, and over TLS with SSL_CERT_FILE too; its exit code becomes ours.
Without a command it runs until Ctrl-C.
A simulated machine is found through AWS_EC2_METADATA_SERVICE_ENDPOINT, GCE_METADATA_HOST or
AZURE_METADATA_SERVICE_ENDPOINT, or at its real address. With --real-address start-worker takes this host for the VM and
may halt it: a harmless shutdown, halt, poweroff and reboot stand first in the command's PATH. Whatever names another
program as lifecycle.shutdownCommand, or resets PATH, is not kept from halting the host.

Exit codes of its own: 101 wrong command line, or a command that cannot be run; 102 a wrong scenario or a port that is
taken; 100 a fault of simulate-cloud itself.

Example: simulate-cloud deployment/examples/scenario.yml -- start-worker deployment/examples/demo-runner.yml
`;
}
