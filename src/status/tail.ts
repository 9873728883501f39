/** The last lines of the log. A worker may write a million a second, so a batch is only counted until somebody looks. */
import type { Redactor } from '../logging/redactor.ts';
import type { LineSource, Snapshot } from './status.ts';

const KEPT_LINES = 50;
/** Longer lines are cut for whoever looks; the log has them whole. In characters. */
const LINE_LENGTH = 500;

export interface Tail {
  /** Takes one or more whole lines, each ending in \n; `at` is in milliseconds since the epoch. */
  add(at: number, source: LineSource, text: string): void;
  /** @returns the last lines, the newest last, redacted with all secrets that are known by now */
  lines(redactor: Redactor): Snapshot['lines'];
  /** How many lines each source has written. */
  readonly counts: Readonly<Record<LineSource, number>>;
}

interface Batch {
  readonly at: number;
  readonly source: LineSource;
  readonly text: string;
  readonly count: number;
}

export function createTail(): Tail {
  const batches: Batch[] = [];
  const counts = { runner: 0, worker: 0, 'worker-stderr': 0 };
  let kept = 0;

  return {
    counts,
    add(at, source, text) {
      const count = countLines(text);
      counts[source] += count;
      batches.push({ at, source, text, count });
      kept += count;
      // Whole batches only: a piece of a text would keep all of it in memory.
      for (
        let first = batches[0];
        first !== undefined && kept - first.count >= KEPT_LINES;
        first = batches[0]
      ) {
        kept -= first.count;
        batches.shift();
      }
    },
    lines(redactor) {
      return batches
        .flatMap(({ at, source, text }) =>
          lastLines(text).map(line => ({
            at: new Date(at).toISOString(),
            source,
            text: shown(line, redactor),
          })),
        )
        .slice(-KEPT_LINES);
    },
  };
}

function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

function lastLines(text: string): readonly string[] {
  let start = text.length - 1;
  for (let count = 0; count < KEPT_LINES && start > 0; count += 1) start = text.lastIndexOf('\n', start - 1);
  return text.slice(start + 1, -1).split('\n');
}

/** Redacted before it is cut, and a secret's length beyond the cut: no end of a secret remains. */
function shown(line: string, redactor: Redactor): string {
  const redacted = redactor.redact(line.slice(0, LINE_LENGTH + redactor.reach));
  return redacted.length > LINE_LENGTH ? `${redacted.slice(0, LINE_LENGTH)}…` : redacted;
}
