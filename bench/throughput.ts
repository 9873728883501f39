/** (b) How fast the worker's output reaches the log: whole runs of start-worker, less a run whose worker writes nothing. */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import {
  EMPTY,
  medians,
  mib,
  ms,
  peakMemory,
  ROOT,
  START_WORKER,
  times,
  type Program,
  type Row,
} from './measure.ts';

const LINES = 1_000_000;
const MESSAGES = 200_000;
const LONG_LINE_BYTES = 32 * 1024 * 1024;
const HELLO = '~{"type":"hello","capabilities":["log"]}\n';

function config(folder: string, name: string, worker: string): string {
  const path = join(folder, `${name}.yml`);
  writeFileSync(
    path,
    `provider: {providerType: standalone, rootURL: 'http://127.0.0.1:1', clientID: c, accessToken: t-0123456789, workerPoolID: a/b, workerGroup: g, workerID: w}
worker: {implementation: generic-worker, path: ${join(ROOT, 'bench', 'programs', worker)}, configPath: ${join(folder, 'worker.json')}}
getSecrets: false
`,
  );
  return path;
}

function writeMessages(path: string): void {
  const file = openSync(path, 'w');
  writeSync(file, HELLO);
  for (let index = 0; index < MESSAGES; index += 1) {
    writeSync(
      file,
      `~{"type":"log","body":{"textPayload":"message ${index} of the benchmark","taskId":"abc","runId":0}}\n`,
    );
  }
  closeSync(file);
}

export async function benchThroughput(folder: string): Promise<Row[]> {
  const files = {
    nothing: join(folder, 'nothing'),
    messages: join(folder, 'messages'),
    longLine: join(folder, 'long-line'),
  };
  writeFileSync(files.nothing, '');
  writeMessages(files.messages);
  writeFileSync(files.longLine, `${'x'.repeat(LONG_LINE_BYTES)}\n`);

  const fromFile = config(folder, 'from-file', 'writes-file.sh');
  const log = (name: string) => join(folder, `${name}.log`);
  const program = (name: string, path: string, output: string): Program => ({
    file: START_WORKER,
    args: [path],
    env: { WORKER_OUTPUT_FILE: output },
    stderrPath: log(name),
  });
  const quiet = program('quiet', fromFile, files.nothing);
  const lines = program('lines', config(folder, 'lines', 'writes-lines.sh'), files.nothing);
  const messages = program('messages', fromFile, files.messages);
  const longLine = program('long-line', fromFile, files.longLine);

  const [empty = NaN, base = NaN, ...walls] = await medians([EMPTY, quiet, lines, messages, longLine], 5);
  checkLog(log('lines'), LINES, `${'0'.repeat(98)}7`);
  checkLog(log('messages'), MESSAGES, 'of the benchmark');
  const quietPeak = await peakMemory(quiet, folder);
  const peaks = [
    await peakMemory(lines, folder),
    await peakMemory(messages, folder),
    await peakMemory(longLine, folder),
  ];

  return [
    { what: 'a worker that writes nothing', figure: ms(base), ratio: times(base / empty) },
    ...[
      { what: '1,000,000 lines of 100 bytes', target: '≤ 1000 ms' },
      { what: '200,000 log messages', target: '≤ 700 ms' },
      { what: 'one line of 32 MiB', target: '≤ 400 ms, ≤ 20 MiB more' },
    ].map(({ what, target }, index) => {
      const more = (walls[index] ?? NaN) - base;
      const memory = (peaks[index] ?? NaN) - quietPeak;
      return {
        what,
        figure: `${ms(more)}, ${mib(memory)} more at the peak`,
        ratio: times(more / empty),
        target,
      };
    }),
  ];
}

/** A fast loss is no speed: every line must have arrived. */
function checkLog(path: string, expected: number, text: string): void {
  const found = readFileSync(path, 'latin1')
    .split('\n')
    .filter(line => line.includes(text)).length;
  if (found !== expected) throw new Error(`${path}: ${found} lines instead of ${expected}`);
}
