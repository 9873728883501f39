/**
 * Leaves out of the bundle what winston loads and this project never uses: loading all of winston costs about as much
 * as loading everything else that a short run needs. What stays is winston's own Logger and Transport, unchanged.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { Plugin } from 'esbuild';

const require = createRequire(import.meta.url);
const STAND_IN = 'slim-winston';

/** Should a new version of winston begin to use what is left out, the tests of the logging room's bundle say so. */
function leftOut(what: string): string {
  return `module.exports = () => { throw new Error('${what} is left out of this bundle: see tools/slim-winston.ts'); };`;
}

interface Replacement {
  /** The module as it is asked for. */
  readonly path: string;
  /** The package whose files ask for it; where absent, anyone's. */
  readonly from?: string;
  readonly code: string;
}

const replacements: readonly Replacement[] = [
  // The package's face loads every transport (console, file, http, stream), every format and the container, and makes
  // a default logger. src/logging uses createLogger and format, and winston-transport beside it.
  {
    path: 'winston',
    code: `exports.createLogger = require('winston/lib/winston/create-logger');
      exports.format = require('logform/format');`,
  },
  // winston asks for version 3 of readable-stream, made to run on Node 6. Node's own streams are its successor;
  // what winston looks at of their insides (`_writableState`, `_readableState.pipes`) is the same in both.
  { path: 'readable-stream', code: "module.exports = require('node:stream');" },
  {
    path: 'readable-stream/lib/_stream_writable.js',
    code: "module.exports = require('node:stream').Writable;",
  },
  // A debug facility (DIAGNOSTICS=winston:*), with a color library behind it. It says nothing unless that is set.
  { path: '@dabh/diagnostics', code: 'module.exports = () => () => {};' },
  // Level tables, hoisted together with their colors into logform's colorizer. We pass levels of our own.
  { path: './config', from: 'winston', code: 'module.exports = { npm: { levels: {} } };' },
  // Only `handle()` does something, and it is called only for options that we do not pass (handleExceptions,
  // exceptionHandlers, …): start-worker has its own last resort. They load stack-trace and async.
  {
    path: './exception-handler',
    from: 'winston',
    code: 'module.exports = class { handle() {} unhandle() {} };',
  },
  {
    path: './rejection-handler',
    from: 'winston',
    code: 'module.exports = class { handle() {} unhandle() {} };',
  },
  { path: './profiler', from: 'winston', code: leftOut('winston/profiler') },
  // The default format, for loggers made without one.
  { path: 'logform/json', code: leftOut('logform/json') },
  // Transports of winston 2.
  { path: 'winston-transport/legacy', code: leftOut('winston-transport/legacy') },
  { path: './legacy', from: 'winston-transport', code: leftOut('winston-transport/legacy') },
  // One function of async, used to end the transports at the same time.
  {
    path: 'async/forEach',
    from: 'winston',
    code: `module.exports = (items, each, done) => {
      let open = items.length;
      if (open === 0) return done(null);
      for (const item of items) each(item, () => { open -= 1; if (open === 0) done(null); });
    };`,
  },
];

/** The esbuild plugin that puts the small stand-ins above in the place of what winston asks for. */
export function slimWinston(): Plugin {
  return {
    name: STAND_IN,
    setup(build) {
      for (const [index, { path, from }] of replacements.entries()) {
        build.onResolve(
          { filter: new RegExp(`^${path.replace(/[.]/g, '[.]')}$`) },
          ({ importer, namespace }) => {
            if (namespace === STAND_IN || !isFrom(importer, from)) return undefined;
            return { path: String(index), namespace: STAND_IN };
          },
        );
      }
      build.onLoad({ filter: /.*/, namespace: STAND_IN }, ({ path }) => {
        const replacement = replacements[Number(path)];
        if (replacement === undefined) throw new Error(`no stand-in ${path}`);
        return { contents: replacement.code, loader: 'js', resolveDir: dirname(require.resolve('winston')) };
      });
    },
  };
}

function isFrom(importer: string, packageName: string | undefined): boolean {
  return (
    packageName === undefined || importer.replaceAll('\\', '/').includes(`/node_modules/${packageName}/`)
  );
}
