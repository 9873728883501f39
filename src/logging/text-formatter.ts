import type { Formatter } from './formatter.ts';
import type { OutputItem, OutputSource, Severity } from './log.ts';
import type { Redactor } from './redactor.ts';
import { createStamp } from './stamp.ts';
import { textOfBody, textOfEntry } from './structured.ts';

/** The runner's own lines. The worker's have no mark: people's searches know them so from Taskcluster's own runner. */
const OWN_MARKS: Readonly<Record<Severity, string>> = {
  info: 'start-worker: ',
  warning: 'start-worker: warning: ',
  error: 'start-worker: error: ',
};

const OUTPUT_MARKS: Readonly<Record<OutputSource, string>> = {
  worker: '',
  'worker-stderr': 'worker stderr: ',
};

/** What each line begins with. */
type LineHead = (severity: Severity) => string;

/** The priorities of syslog, by which the journal sorts lines; it has a time of its own for each. */
const PRIORITIES: Readonly<Record<Severity, string>> = { info: '<6>', warning: '<4>', error: '<3>' };

/** Lines for people: the local time, who speaks, and the text. Each line of a longer text has its own stamp. */
export function createTextFormatter(redactor: Redactor): Formatter {
  const stamp = createStamp();
  return createLineFormatter(redactor, () => `${stamp()} `);
}

/** The same for the journal of systemd: the priority in the place of the time. What a worker writes is `info`. */
export function createJournalFormatter(redactor: Redactor): Formatter {
  return createLineFormatter(redactor, severity => PRIORITIES[severity]);
}

function createLineFormatter(redactor: Redactor, head: LineHead): Formatter {
  return {
    entry(severity, message, fields) {
      const text = redactor.redact(textOfEntry(message, fields));
      return withHeads(text, `${head(severity)}${OWN_MARKS[severity]}`);
    },
    output(source, items) {
      // One pass each over the whole batch: a call a line would take longer than all the rest.
      const text = redactor.redact(textOfItems(items));
      return text === '' ? '' : withHeads(text, `${head('info')}${OUTPUT_MARKS[source]}`);
    },
  };
}

function textOfItems(items: readonly OutputItem[]): string {
  let text = '';
  for (const item of items) text += withNewline(item.kind === 'text' ? item.text : textOfBody(item.body));
  return text;
}

function withNewline(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

function withHeads(text: string, prefix: string): string {
  const lines = text.endsWith('\n') ? text.slice(0, -1) : text;
  return `${prefix}${lines.replaceAll('\n', `\n${prefix}`)}\n`;
}
