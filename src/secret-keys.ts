/** What stands instead of a secret value wherever people look. */
export const HIDDEN = '[secret]';

/** Strings that merely stand where secrets stand are as often words (`token: none`) as secrets where they are shorter. */
export const MIN_SECRET_LENGTH = 8;

/** Words that make a key secret wherever they stand in it; `accessToken`, `access_token` and `accesstoken` are one. */
const SECRET_PARTS =
  /secret|token|password|passwd|passphrase|credential|certificate|authorization|apikey|privatekey|accesskey|signingkey|encryptionkey|accountkey|sharedkey|sshkey|deploykey|connectionstring/;

/** Words too short to be looked for inside others: they count as a whole word at the end of the key. */
const SECRET_LAST_WORDS: ReadonlySet<string> = new Set([
  'auth',
  'bearer',
  'cookie',
  'jwt',
  'pwd',
  'pat',
  'sas',
]);

/** A key that ends so names where a secret is or what is known about it (`secretsPath`, `tokenUrl`, `accessKeyId`). */
const ABOUT_A_SECRET: ReadonlySet<string> = new Set(
  (
    'path paths file files dir directory folder location url uri endpoint host name names id ids type kind ' +
    'expire expires expired expiry expiration ttl timeout lifetime length size count limit audience scope scopes issuer ' +
    'algorithm format encoding version'
  ).split(' '),
);

/** A key that begins so is a switch: `getSecrets`, `enableTokens`. */
const SWITCHES: ReadonlySet<string> = new Set(['get', 'has', 'is', 'enable', 'disable', 'allow']);

/**
 * Whether a configuration key looks as if its value were secret: then messages tell only the value's kind, and the
 * logger learns the value. Upper and lower case, camelCase, kebab-case and snake_case make no difference.
 *
 * Secret: keys that hold one of secret, token, password, passwd, passphrase, credential, certificate, authorization,
 * or (api, private, access, signing, encryption, account, shared, ssh, deploy) key, or connection string; and
 * keys whose last word is auth, bearer, cookie, jwt, pwd, pat or sas.
 * Not secret, although such a word is in them: keys whose last word says that the value is about a secret (path, file,
 * folder, location, url, name, id, type, expires, scopes, …) and keys that begin with get, has, is, enable, disable or
 * allow. Where a key is written without any word boundary (`secretpath`) it stays secret: hiding too much is the
 * cheaper mistake.
 */
export function looksSecret(key: string): boolean {
  const words = wordsOf(key);
  const last = words.at(-1) ?? '';
  if (SECRET_LAST_WORDS.has(last)) return true;
  if (!SECRET_PARTS.test(words.join(''))) return false;
  return !ABOUT_A_SECRET.has(last) && !SWITCHES.has(words[0] ?? '');
}

function wordsOf(key: string): readonly string[] {
  return key
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(word => word !== '');
}
