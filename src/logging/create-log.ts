/** The log: winston's logger with formats and a transport of our own. */
import winston from 'winston';
import Transport from 'winston-transport';
import { messageOf } from '../errors.ts';
import { openLogFile } from './file-target.ts';
import type { Formatter } from './formatter.ts';
import { createJsonFormatter } from './json-formatter.ts';
import type { Fields, Log, LoggingOptions, OutputItem, OutputSource, Severity } from './log.ts';
import type { Loss } from './queue.ts';
import type { Redactor } from './redactor.ts';
import { createSink, type Sink } from './sink.ts';
import { openStderr } from './stderr-target.ts';
import type { Target } from './target.ts';
import { createJournalFormatter, createTextFormatter } from './text-formatter.ts';

/** How long the end of the process waits for a reader that stands still. */
const CLOSE_TIMEOUT_MS = 5000;

const LEVELS: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

/** Where winston's formats leave the finished text, by the convention of the package triple-beam. */
const MESSAGE = Symbol.for('message');

/** What goes through winston: an entry of the runner, or a whole batch of worker output as one. */
interface Info {
  readonly level: Severity;
  readonly message: string;
  readonly fields: Fields;
  readonly output?: { readonly source: OutputSource; readonly items: readonly OutputItem[] };
  [MESSAGE]?: string;
}

export interface LogSurroundings {
  /** Whether standard error goes to systemd's journal: lines for people have a priority then. */
  readonly stderrIsJournal?: boolean;
  /** Told how much could not be kept, whenever that happens. */
  readonly onDropped?: (bytes: number) => void;
}

/**
 * Opens the log. Entries and worker output go one way through one logger, so that their order is kept; a batch of
 * output is one winston call, however many lines it has.
 * @param redactor asked for each text at the moment it is logged: secrets may be added at any time
 * @throws RunnerError `logging.file` where the log file cannot be opened
 */
export function createLog(
  options: LoggingOptions,
  redactor: Redactor,
  { stderrIsJournal = false, onDropped = () => undefined }: LogSurroundings = {},
): Log {
  const format = formatterFor(options.implementation, redactor, stderrIsJournal);
  const lastResort = stderrIsJournal ? createJournalFormatter(redactor) : format;
  const target = openTarget(options, message => sink.entry(format.entry('warning', message, {})));
  const sink = createSink({
    target,
    lossNotice: loss => format.entry('warning', describeLoss(loss), {}),
    onDropped,
    onFailure(error) {
      if (options.implementation === 'file') void sayOnStderr(lastResort, fileFailure(options.path, error));
    },
  });
  const logger = createWinston(format, sink);
  let closing: Promise<void> | undefined;

  function add(level: Severity, message: string, fields: Fields = {}): void {
    if (closing === undefined) logger.log({ level, message, fields } satisfies Info);
  }

  async function close(): Promise<void> {
    await new Promise<void>(resolve => logger.once('finish', resolve).end());
    const loss = await sink.close(CLOSE_TIMEOUT_MS);
    if (loss !== undefined && options.implementation === 'file')
      await sayOnStderr(lastResort, describeLoss(loss));
  }

  return {
    info: (message, fields) => add('info', message, fields),
    warn: (message, fields) => add('warning', message, fields),
    error: (message, fields) => add('error', message, fields),
    output(source, items) {
      if (closing !== undefined) return undefined;
      logger.log({ level: 'info', message: '', fields: {}, output: { source, items } } satisfies Info);
      return sink.room();
    },
    reopen() {
      sink.reopen();
    },
    close: () => (closing ??= close()),
  };
}

function formatterFor(
  implementation: LoggingOptions['implementation'],
  redactor: Redactor,
  stderrIsJournal: boolean,
): Formatter {
  if (implementation === 'json') return createJsonFormatter(redactor);
  return implementation === 'stdio' && stderrIsJournal
    ? createJournalFormatter(redactor)
    : createTextFormatter(redactor);
}

function openTarget(options: LoggingOptions, notice: (message: string) => void): Target {
  return options.implementation === 'file' ? openLogFile(options, notice) : openStderr();
}

function createWinston(format: Formatter, sink: Sink): winston.Logger {
  const logger = winston.createLogger({
    levels: { ...LEVELS },
    level: 'info',
    format: winston.format(info => formatInfo(info as unknown as Info, format))(),
  });
  const transport = new Transport({
    log(info: Info, next: () => void) {
      const text = info[MESSAGE] ?? '';
      if (info.output === undefined) sink.entry(text);
      else if (text !== '') sink.output(text);
      // At once: what waits, waits in the sink, which has a bound.
      next();
    },
  });
  // As logger.add() does, but for `end`: without it Node looks whether the transport is process.stdout or
  // process.stderr, which makes both, costs time and sets O_NONBLOCK on them (stderr-target.ts). winston ends its
  // transports by itself.
  logger.pipe(transport, { end: false });
  return logger;
}

function formatInfo(info: Info, format: Formatter): Info & winston.Logform.TransformableInfo {
  const { level, message, fields, output } = info;
  info[MESSAGE] =
    output === undefined ? format.entry(level, message, fields) : format.output(output.source, output.items);
  return info as Info & winston.Logform.TransformableInfo;
}

function describeLoss({ entries, output }: Loss): string {
  const parts = [
    ...(entries > 0 ? [entries === 1 ? '1 entry' : `${entries} entries`] : []),
    ...(output > 0 ? [`${Math.ceil(output / 1024)} KiB of worker output`] : []),
  ];
  return `the log could not be written for a while: up to ${parts.join(' and ')} lost`;
}

function fileFailure(path: string, error: unknown): string {
  return `log file ${path} cannot be written to, it is tried again as entries come: ${messageOf(error)}`;
}

/** The last resort of a log file that fails. */
async function sayOnStderr(format: Formatter, message: string): Promise<void> {
  const sink = createSink({
    target: openStderr(),
    lossNotice: () => '',
    onDropped: () => undefined,
    onFailure: () => undefined,
  });
  sink.entry(format.entry('error', message, {}));
  await sink.close(CLOSE_TIMEOUT_MS);
}
