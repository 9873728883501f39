// Runs a program's bundle as its launcher does, and when it ends, saves the code that V8 has made of it by then:
// node save-code.cjs <bundle.cjs> [argument…]. What an earlier run saved is used and kept, so that runs add up.
'use strict';
const { existsSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { createRequire, enableCompileCache, wrap } = require('node:module');
const { dirname } = require('node:path');
const { Script } = require('node:vm');

const [file] = process.argv.splice(2, 1);
const code = file.replace('.cjs', '.code');
enableCompileCache(`${dirname(file)}/.compile-cache`);
const script = new Script(wrap(readFileSync(file, 'latin1')), {
  filename: file,
  cachedData: existsSync(code) ? readFileSync(code) : undefined,
});
process.on('exit', () => {
  writeFileSync(`${code}.new`, script.createCachedData());
  renameSync(`${code}.new`, code);
});
const module_ = { exports: {} };
script
  .runInThisContext()
  .call(module_.exports, module_.exports, createRequire(file), module_, file, dirname(file));
