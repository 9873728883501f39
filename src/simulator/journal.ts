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
  /** Absent where nothing is answered: a hanging or a torn connection. */
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
  onRecord(listener: (request: RecordedRequest) => void): void;
  /** Resolves with the count-th request of a call, which may have come already. */
  waitFor(call: CallName, count: number): Promise<RecordedRequest>;
}

/** A program that runs for weeks keeps the newest of its requests only. */
const KEPT_REQUESTS = 10_000;

export function createJournal(): Journal {
  const requests: RecordedRequest[] = [];
  const counts = new Map<CallName, Map<string, number>>();
  const listeners = new Set<(request: RecordedRequest) => void>();

  function nth(call: CallName, count: number): RecordedRequest | undefined {
    return requests.filter(request => request.call === call)[count - 1];
  }
  return {
    requests,
    counts,
    record(request) {
      requests.push(request);
      if (requests.length > KEPT_REQUESTS) requests.shift();
      const outcomes = counts.get(request.call) ?? new Map<string, number>();
      const outcome = request.status === undefined ? 'no answer' : String(request.status);
      counts.set(request.call, outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1));
      for (const listener of listeners) listener(request);
    },
    onRecord: listener => void listeners.add(listener),
    waitFor(call, count) {
      return new Promise(resolve => {
        function look(): void {
          const found = nth(call, count);
          if (found === undefined) return;
          listeners.delete(look);
          resolve(found);
        }
        listeners.add(look);
        look();
      });
    },
  };
}
