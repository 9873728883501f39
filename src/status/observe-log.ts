import type { Fields, Log, OutputItem } from '../logging/log.ts';
import type { RunRecord } from './record.ts';

/** The same log, of which a record takes notice. */
export function observeLog(log: Log, record: RunRecord): Log {
  return {
    info(message, fields) {
      record.entry('info', textOf(message, fields));
      log.info(message, fields);
    },
    warn(message, fields) {
      record.entry('warning', textOf(message, fields));
      log.warn(message, fields);
    },
    error(message, fields) {
      record.entry('error', textOf(message, fields));
      log.error(message, fields);
    },
    output(source, items) {
      for (const item of items) record.output(source, textOfItem(item));
      return log.output(source, items);
    },
    reopen: () => log.reopen(),
    close: () => log.close(),
  };
}

function textOf(message: string, fields: Fields = {}): string {
  return [message, ...Object.entries(fields).map(([name, value]) => `${name}: ${words(value)}`)].join('; ');
}

function textOfItem(item: OutputItem): string {
  if (item.kind === 'text') return item.text;
  const { textPayload, ...fields } = item.body;
  return `${textOf(textPayload === undefined ? '' : words(textPayload), fields).replaceAll('\n', ' ')}\n`;
}

function words(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
