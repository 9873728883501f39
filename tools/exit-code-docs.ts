/** Writes docs/exit-codes.md from src/exit-codes.ts; with --check it only says whether the page is up to date. */
import { EXIT_CODES } from '../src/exit-codes.ts';
import { writeOrCheckPage } from './generated-page.ts';

/** https://docs.taskcluster.net/docs/reference/workers/generic-worker: what a supervisor should make of its codes. */
const GENERIC_WORKER = [
  ['0', 'numberOfTasksToRun reached', 'the work is done; restart if the machine should go on'],
  ['64, 65, 73–84', 'a fault in its configuration or environment', 'correct it; do not restart at once'],
  ['67', 'the machine must be rebooted', 'where the worker does not reboot by itself: restart start-worker'],
  ['68', 'idle for as long as its configuration allows', 'your choice'],
  ['69', 'panic, an internal error', 'quarantine the machine, or restart with a delay'],
  ['70', 'worker-manager says terminate, or there is a new deployment', 'restart, to register anew'],
  ['71', 'interrupted', 'leave it ended on a cloud; restart on a machine of your own'],
  [
    '72',
    'ended by graceful termination (also where its credentials could not be renewed) or by its cloud',
    'leave it ended on a cloud; restart on a machine of your own',
  ],
] as const;

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [head, head.map(() => '---'), ...rows].map(row => `| ${row.join(' | ')} |`).join('\n');
}

const text = `# Exit codes

<!-- Generated from src/exit-codes.ts by tools/exit-code-docs.ts: do not edit. -->

A worker's own exit code is start-worker's exit code, unchanged. A worker that signal n ended gives 128 + n, and so does
a boot that SIGTERM or SIGINT ended before the worker was started. The codes from 100 to 119 are start-worker's own
failures; \`start-worker --help\` lists them too. \`--check\` and the dummy worker end with 0 where all is well.

What to do is for a machine that stays. What becomes of a cloud's machine is in [lifecycle.md](lifecycle.md).

${table(
  ['Code', 'Name', 'Meaning', 'What to do'],
  Object.values(EXIT_CODES).map(({ code, name, meaning, advice }) => [code, `\`${name}\``, meaning, advice]),
)}

A worker that itself ends with a code from 100 to 119 can't be told from the runner by the code alone: the last lines of
the log tell, since the runner writes \`the worker exited with code N\` before it passes a code on.

## What generic-worker means by its codes

${table(['Code', 'Meaning', 'What to do'], GENERIC_WORKER)}
`;

await writeOrCheckPage('exit-codes.md', text, 'src/exit-codes.ts');
