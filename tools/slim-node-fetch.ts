/** Leaves out of the bundle what node-fetch carries for Nodes that are long gone. */
import type { Plugin } from 'esbuild';

export function slimNodeFetch(): Plugin {
  return {
    name: 'slim-node-fetch',
    setup(build) {
      // fetch-blob brings a polyfill of web streams for a Node without them: 120 kB. Every Node since 18 has them.
      build.onResolve({ filter: /^web-streams-polyfill/ }, () => ({
        path: 'web-streams',
        namespace: 'node-fetch',
      }));
      build.onLoad({ filter: /.*/, namespace: 'node-fetch' }, () => ({
        contents: 'module.exports = require("node:stream/web");',
      }));
    },
  };
}
