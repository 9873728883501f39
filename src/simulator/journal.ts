/** What was asked and answered: for tests, for the report, and for whoever waits for a call. */
import type { JsonValue } from '../json.ts';
import type { CallName } from './api-call.ts';

/** One request. Its payload is as it came, secrets included; report.ts prints none of it. */
export interface RecordedRequest {
  readonly time: Date;
  readonly call: CallName;
  readonly method: string;
  /** Path and query as they came. */
  readonly path: string;
  /** Of `authorization` only its scheme. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly payload: JsonValue | undefined;
  /** Who signed the call, or whom it speaks of where nobody signed. */
  readonly who: string;
  /** Absent where nothing is answered, or not yet: a hanging or a torn connection. */
  readonly status?: number;
  /** The error's code and text, where the call was refused. */
  readonly refusal?: string;
  /** What the scenario did to it, in words. */
  readonly faults: readonly string[];
}

export interface Journal {
  readonly requests: readonly RecordedRequest[];
  /** How often each call ended how: call → outcome (`200`, `no answer`) → count. */
  readonly counts: ReadonlyMap<CallName, ReadonlyMap<string, number>>;
  record(request: RecordedRequest): void;
  /** Notes down one whose answer comes later. It counts when the returned function is called with the answer's status. */
  recordHeld(request: RecordedRequest): (status: number | undefined) => void;
  onRecord(listener: (request: RecordedRequest) => void): void;
  /** Resolves with the count-th request of a call whose path holds a text; it may have come already. */
  waitFor(call: CallName, count: number, path?: string): Promise<RecordedRequest>;
}

/** A program that runs for weeks keeps the newest of its requests only; polls must not push the rest out. */
const KEPT_REQUESTS = 10_000;
const KEPT_OF_METADATA = 2000;

export function createJournal(): Journal {
  const requests: RecordedRequest[] = [];
  const counts = new Map<CallName, Map<string, number>>();
  const listeners = new Set<(request: RecordedRequest) => void>();
  const waiting = new Set<() => void>();

  let keptOfMetadata = 0;

  function nth(call: CallName, count: number, path: string): RecordedRequest | undefined {
    return requests.filter(request => request.call === call && request.path.includes(path))[count - 1];
  }
  function keep(request: RecordedRequest): void {
    requests.push(request);
    for (const look of waiting) look();
    if (request.call === 'metadata') keptOfMetadata += 1;
    const oldest =
      keptOfMetadata > KEPT_OF_METADATA ? requests.findIndex(({ call }) => call === 'metadata') : 0;
    if (keptOfMetadata <= KEPT_OF_METADATA && requests.length <= KEPT_REQUESTS) return;
    const [dropped] = requests.splice(oldest, 1);
    if (dropped?.call === 'metadata') keptOfMetadata -= 1;
  }
  function count(request: RecordedRequest): void {
    const outcomes = counts.get(request.call) ?? new Map<string, number>();
    const outcome = request.status === undefined ? 'no answer' : String(request.status);
    counts.set(request.call, outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1));
    for (const listener of listeners) listener(request);
  }
  return {
    requests,
    counts,
    record(request) {
      keep(request);
      count(request);
    },
    recordHeld(request) {
      keep(request);
      return status => {
        const settled = status === undefined ? request : { ...request, status };
        const index = requests.indexOf(request);
        if (index >= 0) requests[index] = settled;
        count(settled);
      };
    },
    onRecord: listener => void listeners.add(listener),
    waitFor(call, count, path = '') {
      return new Promise(resolve => {
        function look(): void {
          const found = nth(call, count, path);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        }
        waiting.add(look);
        look();
      });
    },
  };
}
