// Loaded into the measured program: writes the highest memory of its process (KiB) when it ends. It asks the kernel for
// VmHWM, since getrusage's maximum counts the parent's memory at the fork as well.
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const file = process.env.PEAK_MEMORY_FILE;
delete process.env.PEAK_MEMORY_FILE;
delete process.env.NODE_OPTIONS;
process.on('exit', () =>
  writeFileSync(file, /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]),
);
