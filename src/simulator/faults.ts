/** What goes wrong, and when: the `faults` of a scenario as a plan that counts calls. */
import type { ScenarioFault } from '../generated/types.ts';
import type { CallName } from './api-call.ts';
import { clockOffsetMs, durationMs } from './scenario-durations.ts';

export type BodyFault = NonNullable<ScenarioFault['body']>;

/** What happens instead of the honest answer. */
export type Effect =
  | {
      readonly kind: 'error';
      readonly status: number;
      readonly code?: string;
      readonly message?: string;
      readonly body?: BodyFault;
    }
  | { readonly kind: 'body'; readonly body: BodyFault }
  | { readonly kind: 'expired' }
  | { readonly kind: 'hang' }
  | { readonly kind: 'reset' };

/** What befalls one call. */
export interface Misfortune {
  readonly delayMs: number;
  /** How far the service's clock is off in this call. */
  readonly clockOffsetMs: number;
  readonly effect?: Effect;
  /** For the report: `status 503`, `delay 3s`. */
  readonly words: readonly string[];
}

export interface FaultPlan {
  /** Counts the call and says what befalls it. `path`: path and query. */
  decide(call: CallName, path: string): Misfortune;
  /** The faults that never befell a call, in words. */
  unused(): readonly string[];
}

interface Planned {
  readonly fault: ScenarioFault;
  readonly effect: Effect | undefined;
  seen: number;
  done: number;
}

/**
 * A call gets the delays and clocks of all faults that are due for it up to the first one with an effect, and that
 * effect. The faults behind that one do not count the call: `times: 2` followed by another fault is a sequence.
 */
export function createFaultPlan(faults: readonly ScenarioFault[]): FaultPlan {
  const plan: Planned[] = faults.map(fault => ({ fault, effect: effectOf(fault), seen: 0, done: 0 }));
  return {
    decide: (call, path) => decide(plan, call, path),
    unused: () =>
      plan
        .filter(({ done }) => done === 0)
        .map(({ fault }) => `${nameOf(fault)}: ${wordsOf(fault).join(', ')}`),
  };
}

function decide(plan: readonly Planned[], call: CallName, path: string): Misfortune {
  let delayMs = 0;
  let offsetMs = 0;
  const words: string[] = [];
  for (const planned of plan) {
    const { fault, effect } = planned;
    if (!isDue(planned, call, path)) continue;
    planned.done += 1;
    words.push(...wordsOf(fault));
    delayMs += fault.delay === undefined ? 0 : durationMs(fault.delay);
    offsetMs += fault.clock === undefined ? 0 : clockOffsetMs(fault.clock);
    if (effect !== undefined) return { delayMs, clockOffsetMs: offsetMs, effect, words };
  }
  return { delayMs, clockOffsetMs: offsetMs, words };
}

function isDue(planned: Planned, call: CallName, path: string): boolean {
  const { call: wanted = 'any', path: part = '', after = 0, times = Infinity } = planned.fault;
  // The metadata service is no part of Taskcluster: its faults name it.
  if (wanted === 'any' ? call === 'metadata' : wanted !== call) return false;
  if (!path.includes(part)) return false;
  planned.seen += 1;
  return planned.seen > after && planned.done < times;
}

function nameOf({ call = 'any', path }: ScenarioFault): string {
  return path === undefined ? call : `${call} ${path}`;
}

function effectOf(fault: ScenarioFault): Effect | undefined {
  const { status, code, message, body } = fault;
  if (fault.hang) return { kind: 'hang' };
  if (fault.reset) return { kind: 'reset' };
  if (fault.credentials) return { kind: 'expired' };
  if (status !== undefined) {
    return {
      kind: 'error',
      status,
      ...(code === undefined ? {} : { code }),
      ...(message === undefined ? {} : { message }),
      ...(body === undefined ? {} : { body }),
    };
  }
  return body === undefined ? undefined : { kind: 'body', body };
}

function wordsOf(fault: ScenarioFault): string[] {
  const { hang, reset, credentials, status, body, delay, clock } = fault;
  return [
    ...(hang ? ['no answer'] : []),
    ...(reset ? ['connection reset'] : []),
    ...(credentials ? ['expired credentials'] : []),
    ...(status === undefined ? [] : [`status ${status}`]),
    ...(body === undefined ? [] : [`body ${body}`]),
    ...(delay === undefined ? [] : [`delay ${delay}`]),
    ...(clock === undefined ? [] : [`clock ${clock}`]),
  ];
}

/** What is wrong with a fault beyond its schema: its effects must be one, must fit the call, and it must have one. */
export function faultMistake(fault: ScenarioFault): string | undefined {
  const { hang, reset, credentials, status, body, delay, clock } = fault;
  const effects = [hang, reset, credentials, status ?? body].filter(effect => effect !== undefined);
  if (fault.call === 'metadata' && (credentials ?? clock ?? fault.code) !== undefined) {
    return 'must have no credentials, clock or code: those are Taskcluster’s';
  }
  if (effects.length > 1) return 'must have one effect: hang, reset, credentials, or status and body';
  if (effects.length === 0 && delay === undefined && clock === undefined) {
    return 'must say what goes wrong: status, body, hang, reset, credentials, delay or clock';
  }
  return undefined;
}
