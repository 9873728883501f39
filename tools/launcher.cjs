#!/bin/sh
':' //; # Read by sh, the lines up to 'use strict' run; read by Node they are comments. sh notes the soft limit of open files,
':' //; # which Node raises for itself before any JavaScript runs and which the worker gets back, and picks the Node to run on.
':' //; # A young generation of 16 MiB spares a short run its garbage collections: 3 ms of some 50.
':' //; case "$0" in */*) self=$0 ;; *) self=./$0 ;; esac; [ -L "$self" ] && self=$(readlink -f "$self")
':' //; node="${self%/*}/../node_modules/node/bin/node"; [ -x "$node" ] || node=node
':' //; command -v "$node" >/dev/null || { echo '@program@: Node.js 22.18 or newer is needed, and there is no node in PATH' >&2; exit 110; }
':' //; # Node takes more CAs cheaply at its start only; later it costs a refused handshake and every root parsed once more.
':' //; [ -z "$NODE_EXTRA_CA_CERTS" ] && [ -n "$SSL_CERT_FILE" ] && [ -r "$SSL_CERT_FILE" ] && export NODE_EXTRA_CA_CERTS="$SSL_CERT_FILE" WORKER_RUNNER_SET_ENV=NODE_EXTRA_CA_CERTS
':' //; WORKER_RUNNER_OPEN_FILES=$(ulimit -Sn) exec "$node" --min-semi-space-size=16 "$0" "$@"

'use strict';
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `@program@: Node.js 22.18 or newer is needed; this is ${process.version} (${process.execPath}).\n` +
      'In a checkout, `npm ci` brings one, and dist/@program@.cjs run by its own name finds it.\n',
  );
  process.exitCode = 110;
} else {
  // For what is required later. Beside the program, where only who installed it may write: code is run from there.
  require('node:module').enableCompileCache(`${__dirname}/.compile-cache`);
  start(`${__dirname}/@program@-main.cjs`);
}

/**
 * Runs the program's bundle from the code that V8 made of it in whole runs at the end of the build (tools/warm-up.ts).
 * Node's own compile cache keeps only what is compiled before a file runs, which is a third of that. V8 rejects code of
 * another V8, but it believes the rest: so a checksum says that the code is whole, and of this very bundle.
 */
function start(file) {
  const { existsSync, readFileSync } = require('node:fs');
  const code = file.replace('.cjs', '.code');
  if (!existsSync(code)) return require(file);
  const { createRequire, wrap } = require('node:module');
  const { Script } = require('node:vm');
  const { crc32 } = require('node:zlib');
  const source = readFileSync(file);
  const saved = readFileSync(code);
  const cachedData = saved.subarray(4);
  if (saved.length < 4 || saved.readUInt32LE() !== crc32(cachedData, crc32(source))) return require(file);
  const script = new Script(wrap(source.latin1Slice()), { filename: file, cachedData });
  const module = { exports: {} };
  script.runInThisContext().call(module.exports, module.exports, createRequire(file), module, file, __dirname);
}
