/** Makes a worker's error report fit for worker-manager: without secrets, since reports are public, and within its limits. */
import { isJsonObject } from '../json.ts';
import type { Redactor } from '../logging/redactor.ts';
import { cutToCharacters } from './cut.ts';
import type { ErrorReportMessage } from './messages.ts';

/** What worker-manager's reportWorkerError accepts. */
const MAX_KIND = 128;
const MAX_TITLE = 128;
const MAX_DESCRIPTION = 10_240;

/** For a report whose kind has nothing that worker-manager accepts; generic-worker uses the same. */
const DEFAULT_KIND = 'worker-error';

/** Secrets go before texts are cut: half a secret would not be found. */
export function publicReport(report: ErrorReportMessage, redactor: Redactor): ErrorReportMessage {
  return {
    type: 'error-report',
    kind: acceptableKind(redactor.redact(report.kind)),
    title: cutToCharacters(redactor.redact(report.title), MAX_TITLE),
    description: cutToCharacters(redactor.redact(report.description), MAX_DESCRIPTION),
    extra: redactFields(report.extra, redactor),
  };
}

/** worker-manager wants [-a-z0-9]+. A report is worth more than the spelling of its kind: `Disk_Full` becomes `disk-full`. */
function acceptableKind(kind: string): string {
  const accepted = kind
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_KIND)
    .replace(/^-|-$/g, '');
  return accepted === '' ? DEFAULT_KIND : accepted;
}

/** Bounded in depth: a message is (json-guard.ts). */
function redactValue(value: unknown, redactor: Redactor): unknown {
  if (typeof value === 'string') return redactor.redact(value);
  if (Array.isArray(value)) return value.map(item => redactValue(item, redactor));
  return isJsonObject(value) ? redactFields(value, redactor) : value;
}

function redactFields(
  fields: Readonly<Record<string, unknown>>,
  redactor: Redactor,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [redactor.redact(key), redactValue(value, redactor)]),
  );
}
