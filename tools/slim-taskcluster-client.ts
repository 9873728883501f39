/**
 * Leaves out of the bundle what taskcluster-client loads and this project never uses: 15 services, HTTP/2, a cache, a DNS
 * cache, forms, all of lodash. What makes the calls (its client, got, hawk's client side) stays, unchanged.
 * test/taskcluster/slim.test.ts holds it to that: there the slimmed bundle makes signed calls.
 */
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Plugin } from 'esbuild';

const STAND_IN = 'slim-taskcluster-client';
const SERVICES: ReadonlySet<string> = new Set(['WorkerManager', 'Secrets']);

interface StandIn {
  /** The module as it is asked for. */
  readonly path: string;
  /** The package whose files ask for it: others get the real one. */
  readonly from: string;
  readonly code: string;
}

/** Should a new version begin to use what is left out, the tests of the slimmed bundle meet this. */
function leftOut(what: string): string {
  const message = `${what} is left out of this bundle: see tools/slim-taskcluster-client.ts`;
  return `throw new Error(${JSON.stringify(message)});`;
}

const standIns: readonly StandIn[] = [
  // Used only with `http2: true`. Loading it loads node:http2.
  {
    path: 'http2-wrapper',
    from: 'got',
    code: `export default { auto() { ${leftOut('HTTP/2')} } };`,
  },
  // Used only with a `cache`; got looks at the error class whenever it meets an error.
  {
    path: 'cacheable-request',
    from: 'got',
    code: `export default class { constructor() { ${leftOut("got's cache")} } }
      export class CacheError extends Error {}`,
  },
  // Used only with a `dnsCache`.
  {
    path: 'cacheable-lookup',
    from: 'got',
    code: `export default class { constructor() { ${leftOut("got's DNS cache")} } }`,
  },
  // Our bodies are JSON: text by the time got asks what they are.
  {
    path: 'form-data-encoder',
    from: 'got',
    code: `export const isFormData = () => false;
      export class FormDataEncoder { constructor() { ${leftOut("got's forms")} } }`,
  },
  // Prints with DEBUG=taskcluster-client, past our log and its redaction, also credentials: better not there at all.
  { path: 'debug', from: 'taskcluster-client', code: 'export default () => () => {};' },
  // What the client calls, out of three hundred functions. It copies only reference data and sets only what it reads
  // from the environment, which we do not ask for.
  {
    path: 'lodash',
    from: 'taskcluster-client',
    code: `import defaults from 'lodash/defaults.js';
      import includes from 'lodash/includes.js';
      import keys from 'lodash/keys.js';
      export default { cloneDeep: structuredClone, defaults, includes, keys, set() { ${leftOut('lodash.set')} } };`,
  },
  // The server side checks signatures; the client side alone makes them.
  {
    path: 'hawk',
    from: 'taskcluster-client',
    code: "import client from 'hawk/lib/client.js';\nexport default { client };",
  },
  // hawk calls the deprecated url.parse: Node is silent about that for files in node_modules, but not in a bundle, and
  // would write a warning among the lines of our log. Hawk reads these five fields.
  {
    path: 'url',
    from: 'hawk',
    code: `exports.URL = URL;
      exports.parse = text => {
        const { protocol, hostname, port, pathname, search } = new URL(text);
        return { protocol, hostname, port, pathname, search, path: pathname + search };
      };`,
  },
  // Used only for making temporary credentials, which services do, not workers.
  {
    path: 'slugid',
    from: 'taskcluster-client',
    code: `const missing = () => { ${leftOut('slugid')} };\nexport default { v4: missing, nice: missing };`,
  },
  // Transfers of the object service; the package's index only passes them on.
  { path: './upload.js', from: 'taskcluster-client', code: 'export {};' },
  { path: './download.js', from: 'taskcluster-client', code: 'export {};' },
];

export function slimTaskclusterClient(): Plugin {
  return {
    name: STAND_IN,
    setup(build) {
      for (const [index, { path, from }] of standIns.entries()) {
        const filter = new RegExp(`^${path.replace(/[.]/g, '[.]')}$`);
        build.onResolve({ filter }, ({ importer, resolveDir }) =>
          importer.includes(`/node_modules/${from}/`)
            ? { path: `${index}:${path}`, namespace: STAND_IN, pluginData: resolveDir }
            : undefined,
        );
      }
      build.onLoad({ filter: /.*/, namespace: STAND_IN }, ({ path, pluginData }) => ({
        contents: standIns[Number.parseInt(path, 10)]?.code ?? '',
        loader: 'js',
        resolveDir: pluginData as string,
      }));
      build.onLoad({ filter: /[/\\]taskcluster-client[/\\]src[/\\]apis[.]js$/ }, async ({ path }) => ({
        contents: await twoServices(path),
        loader: 'js',
        resolveDir: dirname(path),
      }));
    },
  };
}

/** The client makes a class of every service when it is loaded, so the others stay, with no calls in them. */
async function twoServices(path: string): Promise<string> {
  const { default: services } = (await import(pathToFileURL(path).href)) as { readonly default: Services };
  const slim = Object.entries(services).map(([name, { reference }]) => {
    const { serviceName, apiVersion, entries } = reference;
    const kept = SERVICES.has(name) ? entries.map(withoutProse) : [];
    return [name, { reference: { serviceName, apiVersion, entries: kept } }];
  });
  return `export default ${JSON.stringify(Object.fromEntries(slim))};`;
}

interface Services {
  readonly [name: string]: { readonly reference: Reference };
}

interface Reference {
  readonly serviceName: string;
  readonly apiVersion?: string;
  readonly entries: readonly Readonly<Record<string, unknown>>[];
}

function withoutProse(entry: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { type, name, method, route, args, query, input } = entry;
  return { type, name, method, route, args, query, input };
}
