/**
 * Makes a worker's error report fit for worker-manager: without secrets, since reports are public, and within its
 * limits.
 */
import type { JsonObject } from '../json.ts';
import type { Redactor } from '../logging/redactor.ts';
import { redactJson } from '../redact-json.ts';
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
    // It was parsed from JSON, so it holds nothing else.
    extra: redactJson(report.extra as JsonObject, text => redactor.redact(text)),
  };
}

/**
 * worker-manager wants [-a-z0-9]+. A report is worth more than the spelling of its kind: `Disk_Full` becomes
 * `disk-full`.
 */
function acceptableKind(kind: string): string {
  const accepted = kind
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_KIND)
    .replace(/^-|-$/g, '');
  return accepted === '' ? DEFAULT_KIND : accepted;
}
