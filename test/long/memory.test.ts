/** The memory of the runner stays bounded whatever a worker writes, and however slowly the log is read. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { programPath, ROOT, runProgram } from '../support/program.ts';
import { writeScript, writeStandaloneConfig } from '../support/runner-config.ts';
import { temporaryFolder } from '../support/temp.ts';
import { hello, logMessage, saysHello, writes } from '../support/worker-run.ts';

const PEAK_MEMORY = join(ROOT, 'bench', 'programs', 'peak-memory.cjs');

interface Measured {
  /** The highest memory of the runner's own process in MiB. */
  readonly peak: number;
  /** How many lines of the log match an extended regular expression. */
  readonly count: (lines: string) => Promise<number>;
}

async function peakOf(t: TestContext, worker: string): Promise<Measured> {
  const folder = await temporaryFolder(t);
  const [report, log] = [join(folder, 'peak'), join(folder, 'log')];
  const config = await writeStandaloneConfig(folder, await writeScript(folder, 'worker', worker));
  const file = openSync(log, 'w');
  const { code } = await runProgram('start-worker', [config], {
    env: { NODE_OPTIONS: `--require=${PEAK_MEMORY}`, PEAK_MEMORY_FILE: report },
    stderrFd: file,
  });
  closeSync(file);
  assert.equal(code, 0);
  return {
    peak: Number(await readFile(report, 'utf8')) / 1024,
    async count(lines) {
      // grep's own exit code says whether there are any.
      const { stdout } = await promisify(execFile)('/bin/sh', [
        '-c',
        'grep -cE -e "$0" "$1" || true',
        lines,
        log,
      ]);
      return Number(stdout);
    },
  };
}

/** Of a run whose worker says hello and writes no more. */
async function idlePeak(t: TestContext): Promise<number> {
  return (await peakOf(t, saysHello('log'))).peak;
}

/** Shell: so many MiB of x on the line that is being written. */
const xs = (mib: number) => `head -c ${mib * 1024 * 1024} /dev/zero | tr '\\0' x`;

for (const [what, beginning] of [
  ['a line of 32 MiB', ''],
  ['a line of 32 MiB that begins like a message', '~{'],
] as const) {
  void test(`${what} takes at most 20 MiB`, async t => {
    const idle = await idlePeak(t);
    const { peak, count } = await peakOf(t, `printf '%s' '${beginning}'; ${xs(32)}; echo; echo next`);
    assert.equal(await count('x \\[start-worker: [0-9]+ more bytes of this line dropped\\]$| next$'), 2);
    assert.ok(peak - idle <= 20, `${peak} MiB, idle ${idle} MiB`);
  });
}

void test('two million lines do not gather in memory', async t => {
  const { peak, count } = await peakOf(t, `yes "$(printf '%099d' 7)" | head -n 2000000`);
  assert.equal(await count(' 0{98}7$'), 2_000_000);
  // 240 MiB of log; V8's heap alone grows by some 40 MiB.
  assert.ok(peak <= 140, `${peak} MiB`);
});

void test('a million messages do not gather in memory', async t => {
  const message = logMessage({ textPayload: 'message of the test', taskId: 'abc', runId: 0 });
  const { peak, count } = await peakOf(t, `${saysHello('log')}\nyes '${message}' | head -n 1000000`);
  assert.equal(await count(' message of the test; runId: 0; taskId: abc$'), 1_000_000);
  assert.ok(peak <= 170, `${peak} MiB`);
});

for (const [what, piece] of [
  ['empty lists', '[],'],
  ['empty objects', '{},'],
  ['numbers', '1.5,'],
  ['keys', '"a":0,'],
] as const) {
  void test(`messages of a million ${what} are not taken apart`, async t => {
    const [open, close] = piece.startsWith('"') ? ['{', '"z":0}'] : ['[', '0]'];
    const pieces = Math.floor((4 * 1024 * 1024 - 1000) / piece.length);
    const { peak, count } = await peakOf(
      t,
      `${writes(hello('log'))}
       for n in 1 2 3 4 5; do
         printf '%s' '~{"type":"log","body":{"a":${open}'; yes '${piece}' | head -n ${pieces} | tr -d '\\n'; echo '${close}}}'
       done`,
    );
    assert.equal(await count('it has more than 100000 values\\]$'), 5);
    assert.ok(peak <= 200, `${peak} MiB`);
  });
}

void test('a log that nobody reads makes the worker wait instead of filling our memory, and nothing is lost', async t => {
  const folder = await temporaryFolder(t);
  const count = 1_000_000;
  const worker = await writeScript(folder, 'worker', `exec seq -f '%099.0f' ${count}`);
  const runner = spawn(programPath('start-worker'), [await writeStandaloneConfig(folder, worker)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  t.after(() => runner.kill('SIGKILL'));
  let log = '';
  runner.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  while (!/pid: \d+\n/.test(log)) await once(runner.stderr, 'data');
  runner.stderr.pause();

  const written = await atRest(Number(/pid: (\d+)\n/.exec(log)?.[1]));
  assert.ok(written < 5 * 1024 * 1024, `the worker could write ${written} bytes`);
  const resident = Number(
    /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${runner.pid}/status`, 'utf8'))?.[1],
  );
  assert.ok(resident / 1024 <= 120, `${resident} KiB`);

  runner.stderr.resume();
  const [code] = (await once(runner, 'close')) as [number];
  assert.equal(code, 0);
  // Without our own: two at the beginning, that of the worker's end, and the summary.
  const lines = log.trimEnd().split('\n').slice(2, -2);
  assert.equal(lines.length, count);
  assert.ok(lines.every((line, n) => Number(line.slice(20)) === n + 1));
});

/** Waits until a process writes no more, and gives how many bytes it has written. */
async function atRest(pid: number): Promise<number> {
  const written = () => Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
  let last = -1;
  for (let same = 0; same < 5;) {
    await sleep(100);
    same = written() === last ? same + 1 : 0;
    last = written();
  }
  return last;
}
