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
  // Beside the program, where only who installed it may write: code is run from there.
  require('node:module').enableCompileCache(`${__dirname}/.compile-cache`);
  require('./@program@-main.cjs');
}
