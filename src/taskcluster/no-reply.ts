/** A request that got no response at all: what that means, in words. */
import { messageOf, systemCode } from '../errors.ts';
import type { Redactor } from '../logging/redactor.ts';
import { badReply, type Failure, FEW_TRIES, unreachable } from './failure.ts';
import { type Proxy, proxyWords } from './proxies.ts';
import { quote } from './text.ts';

/** What Node tells about a failed connection beside its code. */
interface NetworkError {
  readonly code: string;
  readonly address: string | undefined;
  readonly port: number | undefined;
  readonly hostname: string | undefined;
  /** What a proxy answered to CONNECT. */
  readonly statusCode: number | undefined;
  readonly error: unknown;
}

/**
 * @param error as the client threw it: the cause is inside it
 * @param host of rootURL
 */
export function noReply(error: unknown, host: string, proxy: Proxy | undefined, redactor: Redactor): Failure {
  const problem = networkError(error);
  const { code } = problem;
  const cause = problem.error;
  if (code === 'ERR_PROXY_TUNNEL' && proxy !== undefined) return proxyRefusal(problem, host, proxy);
  const named = isProxy(problem, proxy) ? `the proxy ${proxyWords(proxy)}` : hostWords(problem, host);
  const words = connectionWords(code, named);
  if (words !== undefined)
    return unreachable(`${words} (${code})`, { cause, ...proxyAdvice(problem, proxy) });
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    return badReply(`${named} does not speak TLS as we do (${code})`, {
      retry: true,
      maxTries: FEW_TRIES,
      advice: 'check protocol and port of rootURL: is it an http:// address?',
      cause,
    });
  }
  if (code.startsWith('HPE_')) {
    const advice = 'check protocol and port of rootURL: is it an https:// address, or no web server at all?';
    return badReply(`${named} does not speak HTTP (${code})`, {
      retry: true,
      maxTries: FEW_TRIES,
      advice,
      cause,
    });
  }
  return unreachable(`no reply from ${named}: ${quote(messageOf(cause), redactor)}`, { cause });
}

/** The code of the innermost error that has one of its own; the client's HTTP library wraps them. */
export function networkError(error: unknown): NetworkError {
  const chain: unknown[] = [];
  for (let at: unknown = error; at instanceof Error && chain.length < 10; at = at.cause) chain.push(at);
  const found =
    chain.findLast(link => !(systemCode(link) ?? 'ERR_GOT').startsWith('ERR_GOT')) ?? chain.at(-1) ?? error;
  const fields: Readonly<Record<string, unknown>> =
    typeof found === 'object' && found !== null ? { ...found } : {};
  // Where a name has several addresses, each failed in its own way: the first stands for them.
  if (found instanceof AggregateError && found.errors.length > 0) return networkError(found.errors[0]);
  return {
    code: systemCode(found) ?? 'unknown',
    address: typeof fields.address === 'string' ? fields.address : undefined,
    port: typeof fields.port === 'number' ? fields.port : undefined,
    hostname: typeof fields.hostname === 'string' ? fields.hostname : undefined,
    statusCode: Number.isInteger(fields.statusCode) ? (fields.statusCode as number) : undefined,
    error: found,
  };
}

/** Whether the connection was closed before any reply came over it. */
export function closedEarly(error: unknown): boolean {
  const { code } = networkError(error);
  return code === 'ECONNRESET' || code === 'EPIPE';
}

/** Whether the connection was gone before the request was written to it, as one that was opened early may be. */
export function neverSent(error: unknown): boolean {
  return networkError(error).code === 'ERR_STREAM_DESTROYED';
}

function connectionWords(code: string, named: string): string | undefined {
  switch (code) {
    case 'ENOTFOUND':
      return `the name of ${named} is unknown to DNS`;
    case 'EAI_AGAIN':
      return `DNS gave no answer about ${named}`;
    case 'ECONNREFUSED':
      return `${named} refused the connection`;
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return `${named} closed the connection without a reply`;
    case 'ETIMEDOUT':
    case 'ECONNABORTED':
      return `no connection to ${named} in time`;
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
    case 'EADDRNOTAVAIL':
      return `there is no way through the network to ${named}`;
    default:
      return undefined;
  }
}

function hostWords(problem: NetworkError, host: string): string {
  const { address, port } = problem;
  if (address === undefined || port === undefined) return host;
  const at = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return at === host ? host : `${host} (${at})`;
}

/** Whether it was the proxy that could not be reached, rather than what is behind it. */
function isProxy(problem: NetworkError, proxy: Proxy | undefined): proxy is Proxy {
  if (proxy === undefined) return false;
  if (problem.hostname !== undefined) return problem.hostname === proxy.host;
  return problem.port === proxy.port;
}

function proxyAdvice(problem: NetworkError, proxy: Proxy | undefined): { readonly advice?: string } {
  return isProxy(problem, proxy) ? { advice: checkProxy(proxy) } : {};
}

function checkProxy(proxy: Proxy): string {
  return `check ${proxy.variable}, or name the host in NO_PROXY`;
}

function proxyRefusal(problem: NetworkError, host: string, proxy: Proxy): Failure {
  const status = problem.statusCode;
  if (status === undefined) {
    return unreachable(`the proxy ${proxyWords(proxy)} made no tunnel to ${host}`, {
      cause: problem.error,
      advice: checkProxy(proxy),
    });
  }
  return proxyAnswer(
    status,
    `the proxy ${proxyWords(proxy)} refused a tunnel to ${host} with ${status}`,
    proxy,
  );
}

/** 407 and other 4xx are a proxy's last word; with 5xx it says that it could not reach the other side (yet). */
export function proxyAnswer(status: number, words: string, proxy: Proxy): Failure {
  if (status === 407) {
    const advice = `put user name and password into ${proxy.variable} (http://user:password@host:port)`;
    return unreachable(`${words}: it wants other credentials, or any`, { retry: false, advice });
  }
  const advice = `ask the proxy's owner to allow the host, or name it in NO_PROXY`;
  return unreachable(words, { retry: status >= 500 || status === 429, advice });
}
