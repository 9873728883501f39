/** The errors of a Taskcluster service, as its replies spell them. */
import type { JsonValue } from '../json.ts';

const STATUS = {
  InputError: 400,
  InputValidationError: 400,
  InvalidRequestArguments: 400,
  MalformedPayload: 400,
  AuthenticationFailed: 401,
  InsufficientScopes: 403,
  ResourceNotFound: 404,
  RequestConflict: 409,
  ResourceExpired: 410,
  InputTooLarge: 413,
  InternalServerError: 500,
} as const;

export type ErrorCode = keyof typeof STATUS;

/** A call that is answered with an error. The message goes to the caller and to our own report: no secret in it. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export function apiError(code: ErrorCode, message: string): ApiError {
  return new ApiError(code, STATUS[code], message);
}

/** An error that a scenario asks for by status alone gets the code that Taskcluster uses with it. */
export function errorOfStatus(status: number, code?: string, message?: string): ApiError {
  const usual = Object.entries(STATUS).find(([, value]) => value === status)?.[0] ?? 'InternalServerError';
  return new ApiError(code ?? usual, status, message ?? `the scenario asked for status ${status}`);
}

interface ErrorContext {
  /** The API method's name. */
  readonly call: string;
  readonly params: Readonly<Record<string, string>>;
  readonly payload: JsonValue | undefined;
  readonly time: Date;
}

/**
 * The reply's body. As in Taskcluster the message ends in a tail about the request, and `requestInfo` echoes what was
 * sent, secrets included: a client that logs either leaks, and a test against this simulator shows it.
 */
export function errorBody(error: ApiError, context: ErrorContext): JsonValue {
  const time = context.time.toISOString();
  const tail = [
    `* method:     ${context.call}`,
    `* errorCode:  ${error.code}`,
    `* statusCode: ${error.status}`,
    `* time:       ${time}`,
  ];
  return {
    code: error.code,
    message: `${error.message}\n\n---\n\n${tail.join('\n')}`,
    requestInfo: { method: context.call, params: context.params, payload: context.payload ?? {}, time },
  };
}
