/** The proxies that the environment names. Node's agents use them (`proxyEnv`); this is about saying so in words. */
import { RunnerError } from '../errors.ts';
import type { Redactor } from '../logging/redactor.ts';

export interface Proxy {
  /** The environment variable that names it. */
  readonly variable: string;
  readonly host: string;
  readonly port: number;
}

/** Where both spellings are set, the lower-case one wins in Node as in curl. */
const VARIABLES = {
  'https:': ['https_proxy', 'HTTPS_PROXY'],
  'http:': ['http_proxy', 'HTTP_PROXY'],
} as const;

/**
 * The proxy for a URL's protocol, NO_PROXY left aside. Its password becomes known to the redactor.
 * @throws RunnerError `taskcluster.proxy` where the variable holds no URL of an HTTP proxy; it never shows the value
 */
export function proxyFor(rootUrl: string, env: NodeJS.ProcessEnv, redactor: Redactor): Proxy | undefined {
  const protocol = new URL(rootUrl).protocol === 'https:' ? 'https:' : 'http:';
  const variable = VARIABLES[protocol].find(name => (env[name] ?? '') !== '');
  if (variable === undefined) return undefined;
  const url = parse(env[variable] ?? '');
  if (url === undefined) throw wrongProxy(variable);
  learnPassword(url, redactor);
  if (decode(url.username) === undefined || decode(url.password) === undefined) throw badEscape(variable);
  return { variable, host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) || defaultPort(url) };
}

/**
 * Whether the agents of a Node can use a proxy (`proxyEnv`): since 22.21 and 24.5. Older ones go past it without a word.
 * @param version `process.versions.node`
 */
export function agentsUseProxies(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21);
}

/** `proxy.example:3128 (from HTTPS_PROXY)` */
export function proxyWords(proxy: Proxy): string {
  return `${proxy.host}:${proxy.port} (from ${proxy.variable})`;
}

function parse(value: string): URL | undefined {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined;
}

function defaultPort(url: URL): number {
  return url.protocol === 'https:' ? 443 : 80;
}

function learnPassword(url: URL, redactor: Redactor): void {
  if (url.password === '') return;
  redactor.add(url.password);
  const plain = decode(url.password) ?? url.password;
  redactor.add(plain);
  // What goes over the wire, should a proxy echo it.
  redactor.add(Buffer.from(`${decode(url.username) ?? url.username}:${plain}`).toString('base64'));
}

/** @returns undefined for a `%` that begins no escape: Node's agent throws there */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function badEscape(variable: string): RunnerError {
  return new RunnerError(
    'taskcluster.proxy',
    `the user name or the password in the environment variable ${variable} has a "%" that begins no escape`,
    { exit: 'unreachable', advice: `write each "%" of the user name and the password as %25` },
  );
}

function wrongProxy(variable: string): RunnerError {
  return new RunnerError(
    'taskcluster.proxy',
    `the environment variable ${variable} is not the URL of an HTTP proxy`,
    {
      exit: 'unreachable',
      advice: `set ${variable} to a URL such as http://proxy.example:3128, or unset it`,
    },
  );
}
