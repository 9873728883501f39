/** Reads one line that looks like a message of the worker: it is a message of protocol.md, or refused for a reason. */
import {
  validateProtocolErrorReport,
  validateProtocolHello,
  validateProtocolLog,
  validateProtocolShutdown,
} from '../generated/validators.js';
import { isJsonObject } from '../json.ts';
import { describeComplaints, type Validator } from '../validator.ts';
import { jsonOf } from './framing.ts';
import { excess, pollutingKey } from './json-guard.ts';
import type { ErrorReportMessage, HelloMessage, WorkerMessage } from './messages.ts';

/** What came is no message, and this is why. */
export interface Refusal {
  readonly type: 'refused';
  readonly reason: string;
}

export type Incoming = HelloMessage | WorkerMessage;

/**
 * A worker chooses its own words for `type`: only what looks like a name is quoted, and nothing is cut, as half a secret
 * would not be found by the redactor.
 */
const QUOTABLE_TYPE = /^[a-z_-]{1,30}$/i;

const WORKER_TYPES: readonly Incoming['type'][] = ['log', 'error-report', 'shutdown', 'hello'];

/** The types that only the runner sends: a worker that echoes its stdin sends them back. */
const RUNNER_TYPES = ['welcome', 'graceful-termination', 'new-credentials'];

/**
 * Reads a line that begins with `~{`.
 * @param mayCome says whether a message of this type may come now: nothing, or the reason why not. It is asked before
 *   the message's fields are looked at.
 */
export function readMessage(
  line: string,
  mayCome: (type: Incoming['type']) => string | undefined,
): Incoming | Refusal {
  const json = jsonOf(line);
  const tooMuch = excess(json);
  if (tooMuch !== undefined) return refuse(tooMuch);
  const value = parse(json);
  if (!isJsonObject(value)) return refuse('what follows ~ is not one whole JSON object');
  const key = pollutingKey(json, value);
  if (key !== undefined) return refuse(`the key "${key}" is not allowed`);
  const { type } = value;
  if (!isWorkerType(type)) return refuse(unknownType(type));
  const objection = mayCome(type);
  return objection === undefined ? checkFields(type, value) : refuse(objection);
}

function isWorkerType(type: unknown): type is Incoming['type'] {
  return WORKER_TYPES.some(known => known === type);
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Gives the fields that protocol.md names; others may come with later versions and are left out. */
function checkFields(type: Incoming['type'], value: unknown): Incoming | Refusal {
  switch (type) {
    case 'log':
      return validateProtocolLog(value) ? { type, body: value.body } : misfit(type, validateProtocolLog);
    case 'hello':
      return validateProtocolHello(value)
        ? { type, capabilities: value.capabilities }
        : misfit(type, validateProtocolHello);
    case 'shutdown':
      return validateProtocolShutdown(value) ? { type } : misfit(type, validateProtocolShutdown);
    case 'error-report':
      return validateProtocolErrorReport(value)
        ? errorReport(value)
        : misfit(type, validateProtocolErrorReport);
  }
}

/** `extra` may be missing, although worker-manager wants it. */
function errorReport(
  value: Omit<ErrorReportMessage, 'extra'> & { extra?: Record<string, unknown> },
): ErrorReportMessage {
  const { kind, title, description, extra = {} } = value;
  return { type: 'error-report', kind, title, description, extra };
}

function misfit(type: string, validator: Validator<unknown>): Refusal {
  return refuse(`${type}: ${describeComplaints(validator.errors ?? [])}`);
}

function unknownType(type: unknown): string {
  if (typeof type !== 'string') return 'it has no "type", or one that is no string';
  if (RUNNER_TYPES.includes(type)) return `"${type}" is for the runner to send`;
  if (!QUOTABLE_TYPE.test(type)) return `it is of an unknown type of ${type.length} characters`;
  return `there is no message "${type}"`;
}

function refuse(reason: string): Refusal {
  return { type: 'refused', reason };
}
