/** The one call of the secrets service that workers make. */
import type { JsonObject } from '../json.ts';
import type { ApiCall } from './api-call.ts';
import { apiError } from './api-error.ts';
import { requireScopes } from './scopes.ts';
import type { SecretRefusal } from './state.ts';

/** Secrets outlive any test. */
const LIFETIME_MS = 365 * 24 * 3_600_000;

export function getSecret({ state, params, caller, nowMs }: ApiCall): JsonObject {
  const { name = '' } = params;
  requireScopes(caller, [`secrets:get:${name}`]);
  const setting = state.secrets.get(name) ?? 404;
  state.secretsRead.add(name);
  if (typeof setting === 'number') throw refusal(name, setting);
  return { secret: setting, expires: new Date(nowMs + LIFETIME_MS).toISOString() };
}

function refusal(name: string, status: SecretRefusal): Error {
  switch (status) {
    case 403:
      return apiError('InsufficientScopes', `The client lacks this scope:\n\n* secrets:get:${name}`);
    case 404:
      return apiError('ResourceNotFound', `There is no secret ${name}`);
    case 410:
      return apiError('ResourceExpired', `The secret ${name} has expired`);
  }
}
