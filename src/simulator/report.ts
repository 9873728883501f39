/** What simulate-cloud says in words. No payload and no header is printed, so no secret is. */
import type { RecordedRequest } from './journal.ts';
import { machineLines } from './machine/report.ts';
import { workerKey, type CloudState, type KnownWorker } from './state.ts';

const LONGEST_LINE = 400;

/** Before they are forgotten: so many paths has no metadata service. */
const MOST_PATHS = 1000;

/** Makes the lines for requests one after the other: polls that end as the one before get none. */
export function createRequestLines(): (request: RecordedRequest) => string | undefined {
  const outcomes = new Map<string, string>();
  return request => {
    const { call, method, path, status, faults } = request;
    if (call !== 'metadata') return requestLine(request);
    const key = `${method} ${path.split('?')[0] ?? ''}`;
    const outcome = [status ?? 'no answer', ...faults].join(' ');
    if (outcomes.get(key) === outcome) return undefined;
    if (outcomes.size >= MOST_PATHS) outcomes.clear();
    outcomes.set(key, outcome);
    return requestLine(request);
  };
}

/** One line for one request: time, call, who, outcome, what the scenario did to it. */
function requestLine(request: RecordedRequest): string {
  const { time, call, method, path, who, status, refusal, faults } = request;
  const named = describeCall(call, method, path.split('?')[0] ?? '');
  const outcome = status === undefined ? 'no answer' : String(status);
  const [reason] = refusal?.split('\n\n---\n\n') ?? [];
  const parts = [
    time.toTimeString().slice(0, 8),
    named,
    ...(who === '' ? [] : [who]),
    '→',
    reason === undefined ? outcome : `${outcome} ${reason}`,
    ...(faults.length === 0 ? [] : [`[fault: ${faults.join(', ')}]`]),
  ];
  return printable(parts.join(' '));
}

function describeCall(call: RecordedRequest['call'], method: string, path: string): string {
  if (call === 'unknown') return `${method} ${path}`;
  if (call === 'metadata') return `${call} ${method} ${path}`;
  if (call !== 'getSecret') return call;
  const encoded = path.split('/').at(-1) ?? '';
  try {
    return `${call} ${decodeURIComponent(encoded)} by`;
  } catch {
    return `${call} ${encoded} by`;
  }
}

/**
 * The last lines: calls by outcome, what became of the machine, and what is left over.
 * @param haltCommands the command lines that would have halted the machine
 */
export function summaryLines(state: CloudState, haltCommands: readonly string[]): string[] {
  const { machine } = state;
  const machineKey = machine && workerKey(machine.settings.worker);
  const machineWorker = state.workers.get(machineKey ?? '');
  const calls = [...state.journal.counts].map(([call, outcomes]) => {
    const results = [...outcomes].map(([outcome, count]) => `${count} × ${outcome}`);
    return `  ${call}: ${results.join(', ')}`;
  });
  return [
    calls.length === 0 ? 'summary: nobody called' : 'summary of the calls:',
    ...calls,
    ...[...state.workers]
      .filter(([key]) => key !== machineKey)
      .map(([key, worker]) => `  worker ${key} ${workerState(worker)}`),
    ...(machine === undefined ? [] : machineLines(machine, machineWorker, haltCommands)).map(
      line => `  ${line}`,
    ),
    ...[...state.secrets.keys()]
      .filter(name => !state.secretsRead.has(name))
      .map(name => `  secret ${name} was never read`),
    ...state.faults.unused().map(words => `  a fault never came up: ${words}`),
  ].map(printable);
}

function workerState({ state, expires }: KnownWorker): string {
  switch (state) {
    case 'created':
      return 'never registered';
    case 'stopped':
      return 'was removed';
    case 'registered':
      return `is still registered, with credentials until ${expires?.toISOString() ?? 'never'}`;
  }
}

/** Whatever a client sent stays on one line, and cannot move the cursor of a terminal. */
function printable(line: string): string {
  const flat = line
    .replace(/:\s*\n\s*\*?\s*/g, ': ')
    .replace(/\s*\n\s*\*?\s*/g, '; ')
    .replace(/[\p{Cc}\p{Cf}]/gu, '?');
  return flat.length > LONGEST_LINE ? `${flat.slice(0, LONGEST_LINE)}…` : flat;
}
