/** The proxies that the environment names: which one a host is reached through, if any. Node's agents do the rest. */
import { isIPv4 } from 'node:net';
import { RunnerError } from '../errors.ts';
import type { Redactor } from '../logging/redactor.ts';

export interface Proxy {
  /** The environment variable that names it. */
  readonly variable: string;
  readonly host: string;
  readonly port: number;
  /** The whole of it, perhaps with a password: for the agent alone. */
  readonly url: string;
}

/** Where both spellings are set, the lower-case one wins in Node as in curl. */
const VARIABLES = {
  'https:': ['https_proxy', 'HTTPS_PROXY'],
  'http:': ['http_proxy', 'HTTP_PROXY'],
} as const;

/**
 * The proxy that a URL is reached through; undefined also where NO_PROXY exempts its host, whatever the proxy's variable
 * holds then. The password becomes known to the redactor all the same, since the worker inherits the variable.
 * @throws RunnerError `taskcluster.proxy` where the variable holds no URL of an HTTP proxy; it never shows the value
 */
export function proxyFor(rootUrl: string, env: NodeJS.ProcessEnv, redactor: Redactor): Proxy | undefined {
  const protocol = new URL(rootUrl).protocol === 'https:' ? 'https:' : 'http:';
  const variable = VARIABLES[protocol].find(name => (env[name] ?? '') !== '');
  if (variable === undefined) return undefined;
  const url = parse(env[variable] ?? '');
  if (url !== undefined) learnPassword(url, redactor);
  if (isExempt(rootUrl, env)) return undefined;
  if (url === undefined || !isHttp(url)) throw wrongProxy(variable);
  if (decode(url.username) === undefined || decode(url.password) === undefined) throw badEscape(variable);
  return { variable, host: hostOf(url), port: portOf(url), url: url.href };
}

/**
 * What an agent is told about proxies (`proxyEnv`). It is not the environment itself: our word on NO_PROXY and on
 * spellings of the proxy's URL that Node passes over (without http://, or with HTTP://) is to be the only one.
 */
export function proxyEnv(proxy: Proxy | undefined): NodeJS.ProcessEnv {
  return proxy === undefined ? {} : { http_proxy: proxy.url, https_proxy: proxy.url };
}

/**
 * Whether NO_PROXY exempts a URL's host, by the rules of Node's agents: entries between commas, each of them `*`, a host
 * or an IP address (both also with `:port`), `.domain` (with the domain itself), `*.domain` (without it), or a range of
 * IPv4 addresses (`10.0.0.1-10.0.0.9`).
 */
export function isExempt(rootUrl: string, env: NodeJS.ProcessEnv): boolean {
  const url = new URL(rootUrl);
  const host = hostOf(url);
  const named = (env.no_proxy ?? '') === '' ? env.NO_PROXY : env.no_proxy;
  return (named ?? '').split(',').some(entry => exempts(entry.trim().toLowerCase(), host, portOf(url)));
}

function exempts(entry: string, host: string, port: number): boolean {
  if (entry === '') return false;
  if (['*', host, `${host}:${port}`, `[${host}]`, `[${host}]:${port}`].includes(entry)) return true;
  if (entry.startsWith('.')) return `.${host}`.endsWith(entry);
  if (entry.startsWith('*.')) return host.endsWith(entry.slice(1));
  const [first = '', last = '', ...more] = entry.split('-').map(part => part.trim());
  if (more.length > 0 || ![host, first, last].every(isIPv4)) return false;
  return ipNumber(first) <= ipNumber(host) && ipNumber(host) <= ipNumber(last);
}

function ipNumber(address: string): number {
  return address.split('.').reduce((number, part) => number * 256 + Number(part), 0);
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

/** Without a scheme it is an HTTP proxy, as for curl. */
function parse(value: string): URL | undefined {
  const whole = value.includes('://') ? value : `http://${value}`;
  return URL.canParse(whole) ? new URL(whole) : undefined;
}

function isHttp(url: URL): boolean {
  return url.protocol === 'http:' || url.protocol === 'https:';
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

function portOf(url: URL): number {
  return Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
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
    { exit: 'config', advice: `write each "%" of the user name and the password as %25` },
  );
}

function wrongProxy(variable: string): RunnerError {
  return new RunnerError(
    'taskcluster.proxy',
    `the environment variable ${variable} is not the URL of an HTTP proxy`,
    {
      exit: 'config',
      advice: `set ${variable} to a URL such as http://proxy.example:3128, or unset it`,
    },
  );
}
