/** What a simulated cloud is to the rest of the simulator. A file each: aws.ts, azure.ts, google.ts. */
import type { IncomingHttpHeaders } from 'node:http';
import type { JsonObject, JsonValue } from '../../json.ts';
import type { Machine } from './machine.ts';

export interface SimulatedCloud {
  /** For a machine whose scenario names neither. */
  readonly defaults: { readonly workerGroup: string; readonly workerId: string };
  /** The environment variable by which clients look for the metadata service elsewhere. */
  readonly variable: string;
  /** What it is set to; host and port as in a URL. */
  variableValue(hostAndPort: string): string;
  /** The names that `absent` may hold. */
  readonly values: readonly string[];
  /** The notices that it knows, and how long before its end a machine gets one, in milliseconds. */
  readonly notices: Readonly<Record<string, number>>;
  /** Other things that may happen, beside those that may happen to every metadata service. */
  readonly otherEvents: readonly string[];
  answer(request: MetadataRequest, machine: Machine): MetadataReply;
  /** The service's own words for an error that a scenario asks for. */
  refusal(status: number, message?: string): MetadataReply;
  /** Why worker-manager refuses an identity proof; undefined where it is good. */
  proofProblem(proof: JsonObject, machine: Machine, expected: ProofContext): string | undefined;
}

export interface MetadataRequest {
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface MetadataReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** Where the answer comes later: nothing is sent before, and then what `then` says. */
  readonly hold?: Hold;
}

export interface Hold {
  readonly mostMs: number;
  /** Whether it is over before that; asked again whenever something happened to the machine. */
  readonly isOver: () => boolean;
  readonly then: () => MetadataReply;
}

export interface ProofContext {
  /** The simulated Taskcluster's root URL, without a slash at its end. */
  readonly rootUrl: string;
  readonly nowMs: number;
}

export function textReply(
  status: number,
  text: string,
  type = 'text/plain',
  headers: Readonly<Record<string, string>> = {},
): MetadataReply {
  return { status, text, headers: { 'content-type': type, ...headers } };
}

export function jsonReply(status: number, body: JsonValue): MetadataReply {
  return textReply(status, JSON.stringify(body), 'application/json; charset=utf-8');
}
