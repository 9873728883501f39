/** Environment variables that name another metadata service than the cloud's own. */
import { RunnerError } from '../errors.ts';
import type { MetadataService } from './metadata.ts';

/** Names are Linux's own spelling of a host, perhaps with a port; IPv6 stands in brackets. */
const HOST = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:[0-9]+)?$/;

/**
 * Where a metadata service is: at its own origins, or where a variable of the environment says.
 * @throws as overriddenOrigin
 */
export function placeOfService(
  own: readonly string[],
  env: NodeJS.ProcessEnv,
  variable: string,
  form: 'url' | 'host',
): Pick<MetadataService, 'origins' | 'override'> {
  const overridden = overriddenOrigin(env, variable, form);
  return overridden === undefined ? { origins: own } : { origins: [overridden], override: variable };
}

/**
 * The origin that a variable names, or undefined where it is not set or empty.
 * @param form `url`: http://host:port; `host`: host or host:port
 * @throws RunnerError of exit `config` that names the variable
 */
export function overriddenOrigin(
  env: NodeJS.ProcessEnv,
  variable: string,
  form: 'url' | 'host',
): string | undefined {
  const value = env[variable] ?? '';
  if (value === '') return undefined;
  const text = form === 'url' ? value : HOST.test(value) ? `http://${value}` : '';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  // Paths are the services' own; a user name or query would be no origin.
  if (url?.protocol !== 'http:' || url.href !== `${url.origin}/`) {
    const wanted = form === 'url' ? 'a URL such as http://127.0.0.1:1338' : 'a host or host:port';
    throw new RunnerError(
      'metadata.endpoint',
      `the variable ${variable} of the environment is not ${wanted}`,
      {
        exit: 'config',
        advice: `correct ${variable}, or unset it to ask the cloud's own metadata service`,
      },
    );
  }
  return url.origin;
}
