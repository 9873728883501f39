/**
 * Keeps the heavy libraries out of a program's bundle: each becomes a file of its own beside it, read when the program
 * comes to its `import('…')`, in most runs while a reply is awaited, and in some never. A run that needs none of them
 * neither reads nor keeps in memory half a megabyte of code.
 */
import type { Plugin } from 'esbuild';

/** Each library that is imported late, and the export that is used. */
const LATE_LIBRARIES: ReadonlyMap<string, string> = new Map([
  ['adm-zip', 'default'],
  ['execa', 'execa'],
  ['node-fetch', 'default'],
  ['prom-client', 'default'],
  ['taskcluster-client', 'default'],
]);

export const LATE_FOLDER = 'late';

/** The entry points of the libraries' own bundles: file name without ending → module. */
export function lateEntryPoints(): Record<string, string> {
  return Object.fromEntries([...LATE_LIBRARIES.keys()].map(name => [name, name]));
}

/** For a program's bundle: what it imports late, it requires from beside itself. */
export function lateLibraries(): Plugin {
  return {
    name: 'late-libraries',
    setup(build) {
      build.onResolve({ filter: /^[a-z-]+$/ }, ({ path, kind }) =>
        kind === 'dynamic-import' && LATE_LIBRARIES.has(path) ? { path, namespace: 'late' } : undefined,
      );
      build.onResolve({ filter: /^\.\//, namespace: 'late' }, ({ path }) => ({ path, external: true }));
      build.onLoad({ filter: /.*/, namespace: 'late' }, ({ path }) => ({ contents: standIn(path) }));
    },
  };
}

function standIn(library: string): string {
  const file = JSON.stringify(`./${LATE_FOLDER}/${library}.cjs`);
  const name = LATE_LIBRARIES.get(library) ?? 'default';
  // A CommonJS library is its own default export; the bundle of an ES module has a property of that name.
  if (name === 'default')
    return `const library = require(${file}); export default library.default ?? library;`;
  return `export const { ${name} } = require(${file});`;
}
