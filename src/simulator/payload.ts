/** Checks request bodies against the schemas of the API. */
import { complaints, type SchemaError, type Validator } from '../validator.ts';
import { apiError } from './api-error.ts';

/** @throws ApiError InputValidationError that names the places and never the values */
export function requirePayload<T>(validator: Validator<T>, payload: unknown): T {
  if (validator(payload)) return payload;
  throw invalidPayload(complaints(validator, payload).map(complaintText));
}

export function invalidPayload(complaints: readonly string[]): Error {
  return apiError(
    'InputValidationError',
    `Schema validation failed:\n${complaints.map(text => `  * ${text}`).join('\n')}`,
  );
}

function complaintText({ instancePath, message, keyword, params }: SchemaError): string {
  const extra = typeof params.additionalProperty === 'string' ? `: ${params.additionalProperty}` : '';
  return `data${instancePath} ${message ?? keyword}${extra}`;
}
