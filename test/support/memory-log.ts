/** A log that keeps what it is told, in order, for tests to look at. */
import type { Fields, Log, OutputItem, OutputSource, Severity } from '../../src/logging/log.ts';

export interface LogEntry {
  readonly severity: Severity;
  readonly message: string;
  readonly fields: Fields;
}

export interface MemoryLog extends Log {
  readonly entries: readonly LogEntry[];
  /** The messages of entries and the texts of output, as they came. */
  readonly inOrder: readonly string[];
  /** What the worker wrote, in order; neighboring texts of a source are one item. */
  outputOf(source: OutputSource): readonly OutputItem[];
  /** The text of what a worker wrote, structured messages as JSON on lines of their own. */
  textOf(source: OutputSource): string;
  /** How often output() was called. */
  readonly outputCalls: number;
  /** From now on output() asks its caller to wait, until the returned function is called. */
  stall(): () => void;
  /** Resolves once an entry or the worker's text holds this; the test's own timeout ends a wait in vain. */
  says(text: string): Promise<void>;
}

export function createMemoryLog(): MemoryLog {
  const entries: LogEntry[] = [];
  const inOrder: string[] = [];
  const output: Record<OutputSource, OutputItem[]> = { worker: [], 'worker-stderr': [] };
  const watchers = new Set<() => void>();
  let outputCalls = 0;
  let room: Promise<void> | undefined;

  function changed(): void {
    for (const watcher of watchers) watcher();
  }

  function enter(severity: Severity) {
    return (message: string, fields: Fields = {}) => {
      entries.push({ severity, message, fields });
      inOrder.push(message);
      changed();
    };
  }

  function textOf(source: OutputSource): string {
    return output[source].map(textOfItem).join('');
  }

  function said(text: string): boolean {
    return (
      entries.some(entry => entry.message.includes(text)) ||
      textOf('worker').includes(text) ||
      textOf('worker-stderr').includes(text)
    );
  }

  return {
    entries,
    inOrder,
    textOf,
    get outputCalls() {
      return outputCalls;
    },
    info: enter('info'),
    warn: enter('warning'),
    error: enter('error'),
    output(source, items) {
      outputCalls += 1;
      output[source].push(...items);
      inOrder.push(...items.map(textOfItem));
      changed();
      return room;
    },
    outputOf(source) {
      const joined: OutputItem[] = [];
      for (const item of output[source]) {
        const last = joined.at(-1);
        if (item.kind === 'text' && last?.kind === 'text')
          joined.splice(-1, 1, { kind: 'text', text: last.text + item.text });
        else joined.push(item);
      }
      return joined;
    },
    stall() {
      const { promise, resolve } = Promise.withResolvers<undefined>();
      room = promise;
      return () => {
        room = undefined;
        resolve(undefined);
      };
    },
    says(text) {
      return new Promise(resolve => {
        const watch = () => {
          if (!said(text)) return;
          watchers.delete(watch);
          resolve();
        };
        watchers.add(watch);
        watch();
      });
    },
    reopen: () => undefined,
    close: () => Promise.resolve(),
  };
}

function textOfItem(item: OutputItem): string {
  return item.kind === 'text' ? item.text : `${JSON.stringify(item.body)}\n`;
}
