import { isJsonObject, type JsonValue } from '../json.ts';
import { looksSecret, MIN_SECRET_LENGTH } from '../secret-keys.ts';
import type { Redactor } from './redactor.ts';

/**
 * Makes known to the redactor every string of MIN_SECRET_LENGTH or more under a key that looks secret (secret-keys.ts), and
 * what is nested under such a key (`passwords: {alice: …}`, `tokens: [ … ]`) unless the nested key says that its value
 * is about the secret (`credentials: {clientId: …}`).
 */
export function collectSecrets(value: JsonValue, into: Redactor): void {
  // A list instead of recursion: a hostile document may be nested deeper than the stack.
  const open: { readonly value: JsonValue; readonly secret: boolean }[] = [{ value, secret: false }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value: current, secret } = next;
    if (typeof current === 'string') {
      if (secret && current.length >= MIN_SECRET_LENGTH) into.add(current);
    } else if (isJsonObject(current)) {
      for (const [key, inner] of Object.entries(current)) {
        open.push({ value: inner, secret: looksSecret(secret ? `secret ${key}` : key) });
      }
    } else if (Array.isArray(current)) {
      for (const inner of current as readonly JsonValue[]) open.push({ value: inner, secret });
    }
  }
}
