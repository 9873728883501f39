import { isIP, isIPv6 } from 'node:net';
import type { StatusAddress } from '../config/runner-config.ts';

type TcpAddress = Extract<StatusAddress, { kind: 'tcp' }>;

/** Whether only programs of this machine reach the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host);
}

/**
 * Whether a request may name its host so. A page of anybody can make a browser ask us under a name of its own that it
 * lets point here (DNS rebinding), so only names are taken that nobody else can own: the configured one, this machine's
 * own addresses, and where we listen on all of them, any address in numbers.
 * @param header the Host header, with or without a port
 */
export function mayName(header: string | undefined, address: TcpAddress): boolean {
  if (header === undefined) return false;
  const named = /^(\[[^\]]*\]|[^:]*)(:\d+)?$/.exec(header.toLowerCase())?.[1];
  if (named === undefined) return false;
  const host = named.replace(/^\[(.*)\]$/, '$1');
  if (isLoopback(host) || host === address.host.toLowerCase()) return true;
  return isEverywhere(address.host) && isIP(host) !== 0;
}

/** Where a program of this machine finds the server. */
export function reachableHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

/** As it is written in an address: `[::1]:80`. */
export function hostAndPort(host: string, port: number): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

function isEverywhere(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
