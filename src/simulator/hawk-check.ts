/** Who signed a request: https://github.com/mozilla/hawk with Taskcluster's certificate in `ext`. */
import type { IncomingMessage } from 'node:http';
import { messageOf } from '../errors.ts';
import { isJsonObject, type JsonValue } from '../json.ts';
import { ApiError, apiError } from './api-error.ts';
import { holds, type Caller } from './scopes.ts';
import type { CloudState } from './state.ts';
import { checkCertificate, type CheckedCertificate } from './temporary-credentials.ts';

const NOBODY: Caller = { clientId: undefined, scopes: [] };

/**
 * Checks the signature, and the certificate that came with it, against the service's clock. As in Taskcluster an
 * unsigned request is nobody's: it fails later, where scopes are asked for.
 * @throws ApiError AuthenticationFailed
 */
export async function authenticate(
  request: IncomingMessage,
  state: CloudState,
  nowMs: number,
): Promise<Caller> {
  const header = request.headers.authorization;
  if (header === undefined) return NOBODY;
  const { default: hawk } = await import('hawk');
  try {
    const { id = '', ext } = hawk.utils.parseAuthorizationHeader(header);
    const { accessToken, scopes } = credentialsOf(state, id, parseExt(ext), nowMs);
    await hawk.server.authenticate(
      request,
      () => Promise.resolve({ key: accessToken, algorithm: 'sha256' }),
      {
        localtimeOffsetMsec: nowMs - Date.now(),
      },
    );
    return { clientId: id, scopes };
  } catch (error) {
    throw error instanceof ApiError
      ? error
      : apiError('AuthenticationFailed', `The signature does not hold: ${messageOf(error)}`);
  }
}

interface Ext {
  readonly certificate?: JsonValue;
  /** The client wants the call to be allowed no more than this. */
  readonly authorizedScopes?: JsonValue;
}

function parseExt(ext: string | undefined): Ext {
  if (ext === undefined || ext === '') return {};
  try {
    const parsed: unknown = JSON.parse(Buffer.from(ext, 'base64').toString('utf8'));
    if (isJsonObject(parsed)) return parsed;
  } catch {
    // Told below, together with JSON of another shape.
  }
  throw apiError('AuthenticationFailed', 'ext is not base64 of a JSON object');
}

function credentialsOf(state: CloudState, id: string, ext: Ext, nowMs: number): CheckedCertificate {
  const checked =
    ext.certificate === undefined
      ? permanent(state, id)
      : checkCertificate(state.issuer, id, ext.certificate, nowMs);
  const { authorizedScopes } = ext;
  if (authorizedScopes === undefined) return checked;
  if (!isTexts(authorizedScopes))
    throw apiError('AuthenticationFailed', 'ext.authorizedScopes is not a list of texts');
  if (!authorizedScopes.every(scope => holds(checked.scopes, scope))) {
    throw apiError('AuthenticationFailed', 'ext.authorizedScopes asks for more than the credentials have');
  }
  return { ...checked, scopes: authorizedScopes };
}

function permanent(state: CloudState, id: string): CheckedCertificate {
  const client = state.clients.get(id);
  if (client === undefined)
    throw apiError('AuthenticationFailed', `There is no client ${id} with permanent credentials`);
  return client;
}

function isTexts(value: JsonValue): value is readonly string[] {
  return Array.isArray(value) && value.every(item => typeof item === 'string');
}
