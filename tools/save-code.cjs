// Runs a program's bundle as its launcher does, and when it ends, saves the code that V8 has made of it by then:
// node save-code.cjs <bundle.cjs> [argument…]. What an earlier run saved is used and kept, so that runs add up. The file
// begins with a checksum of bundle and code, which the launcher compares.
'use strict';
const { existsSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { createRequire, enableCompileCache, wrap } = require('node:module');
const { dirname } = require('node:path');
const { Script } = require('node:vm');
const { crc32 } = require('node:zlib');

const [file] = process.argv.splice(2, 1);
const saved = file.replace('.cjs', '.code');
enableCompileCache(`${dirname(file)}/.compile-cache`);
const source = readFileSync(file);
const script = new Script(wrap(source.latin1Slice()), {
  filename: file,
  cachedData: existsSync(saved) ? readFileSync(saved).subarray(4) : undefined,
});
process.on('exit', () => {
  const code = script.createCachedData();
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32(code, crc32(source)));
  writeFileSync(`${saved}.new`, Buffer.concat([checksum, code]));
  renameSync(`${saved}.new`, saved);
});
const module_ = { exports: {} };
script
  .runInThisContext()
  .call(module_.exports, module_.exports, createRequire(file), module_, file, dirname(file));
