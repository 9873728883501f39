import type { Fields, OutputItem, OutputSource, Severity } from './log.ts';

/** Makes of what is logged the text that is written: whole lines, without any secret. Never throws. */
export interface Formatter {
  entry(severity: Severity, message: string, fields: Fields): string;
  output(source: OutputSource, items: readonly OutputItem[]): string;
}
