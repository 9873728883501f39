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
  return { variable, host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) || defaultPort(url) };
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
  const plain = decode(url.password);
  redactor.add(plain);
  // What goes over the wire, should a proxy echo it.
  redactor.add(Buffer.from(`${decode(url.username)}:${plain}`).toString('base64'));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
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
