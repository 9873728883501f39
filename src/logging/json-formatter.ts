import type { JsonValue } from '../json.ts';
import { redactJson } from '../redact-json.ts';
import type { Formatter } from './formatter.ts';
import type { OutputItem } from './log.ts';
import type { Redactor } from './redactor.ts';
import { jsonOf } from './structured.ts';

/**
 * Lines for machines: `{"time", "severity", "source", "message", "fields"}`, the last only where there are any. What a
 * worker writes has no severity of its own: it is `info`.
 */
export function createJsonFormatter(redactor: Redactor): Formatter {
  function line(severity: string, source: string, message: string, fields: string): string {
    const time = new Date().toISOString();
    const rest = fields === '{}' ? '' : `,"fields":${fields}`;
    return `{"time":"${time}","severity":"${severity}","source":"${source}","message":${JSON.stringify(message)}${rest}}\n`;
  }

  function ofItem(source: string, item: OutputItem): string {
    if (item.kind === 'log') {
      const { textPayload, ...fields } = item.body;
      return line('info', source, redactor.redact(messageOf(textPayload)), redactedJson(fields, redactor));
    }
    const text = redactor.redact(item.text.endsWith('\n') ? item.text.slice(0, -1) : item.text);
    return text
      .split('\n')
      .map(message => line('info', source, message, '{}'))
      .join('');
  }

  return {
    entry: (severity, message, fields) =>
      line(severity, 'runner', redactor.redact(message), redactedJson(fields, redactor)),
    output: (source, items) => items.map(item => ofItem(source, item)).join(''),
  };
}

function messageOf(textPayload: unknown): string {
  if (textPayload === undefined) return '';
  return typeof textPayload === 'string' ? textPayload : jsonOf(textPayload);
}

/**
 * The redactor knows the JSON-escaped forms, so that one look at the JSON is enough where it holds no secret. Where it
 * does, each key and value is redacted by itself: a replacement across them would leave no JSON.
 */
function redactedJson(fields: Readonly<Record<string, unknown>>, redactor: Redactor): string {
  const json = jsonOf(fields);
  if (redactor.redact(json) === json) return json;
  return JSON.stringify(redactJson(JSON.parse(json) as JsonValue, text => redactor.redact(text)));
}
