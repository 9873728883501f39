// Loaded into the measured program: writes the highest memory of its process (KiB) when it ends.
'use strict';
const file = process.env.PEAK_MEMORY_FILE;
delete process.env.PEAK_MEMORY_FILE;
delete process.env.NODE_OPTIONS;
process.on('exit', () => require('node:fs').writeFileSync(file, String(process.resourceUsage().maxRSS)));
