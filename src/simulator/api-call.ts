/** The words for one call to the simulated API. */
import type { JsonObject, JsonValue } from '../json.ts';
import type { Caller } from './scopes.ts';
import type { CloudState } from './state.ts';

/** `metadata`: any request to the metadata service. `unknown`: one to Taskcluster that fits no route. */
export type CallName =
  | 'registerWorker'
  | 'reregisterWorker'
  | 'removeWorker'
  | 'reportWorkerError'
  | 'getSecret'
  | 'ping'
  | 'metadata'
  | 'unknown';

/** A call as its handler sees it. */
export interface ApiCall {
  readonly state: CloudState;
  /** The parts of the URL, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly payload: JsonValue | undefined;
  readonly caller: Caller;
  /** The service's clock, which a fault may have put wrong: milliseconds since 1970. */
  readonly nowMs: number;
  /** Whether credentials that this call issues are to have expired already. */
  readonly issueExpired: boolean;
}

/** Gives the reply's body, with status 200. @throws ApiError */
export type Handler = (call: ApiCall) => JsonObject;
