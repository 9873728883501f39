/** All that can be known of files before the disk is touched: a mistake in the last one leaves the first unwritten. */
import { RunnerError } from '../errors.ts';
import { type Base64Content, checkBase64 } from './base64.ts';
import { type Budget, createBudget } from './budget.ts';
import { explainSystemError, refusal } from './faults.ts';
import type { FileLimits, FileToWrite } from './files.ts';
import { defaultMode, explicitMode } from './mode.ts';
import { type Owner, resolveOwner } from './owner.ts';

export interface PlannedFile {
  readonly file: FileToWrite;
  readonly content: Base64Content;
  /** The entry's own mode. */
  readonly mode: number | undefined;
  readonly defaultMode: number;
  readonly owner: Owner | undefined;
}

export interface FilePlan {
  readonly files: readonly PlannedFile[];
  /** What archives may still take: their entries are counted when they are opened. */
  readonly budget: Budget;
}

/**
 * Checks paths, encodings, sizes, modes and owners.
 * @throws RunnerError `files.*` that names path and source, exit `badSource`
 */
export async function planFiles(files: readonly FileToWrite[], limits: FileLimits): Promise<FilePlan> {
  const budget = createBudget(limits);
  const planned: PlannedFile[] = [];
  for (const file of files) planned.push(await inContext(file, () => planFile(file, budget)));
  return { files: planned, budget };
}

async function planFile(file: FileToWrite, budget: Budget): Promise<PlannedFile> {
  const { path, content, format, mode, owner } = file.entry;
  checkPath(path, format);
  const checked = checkBase64(content);
  if (format === 'file') {
    budget.takeEntries(1);
    budget.takeBytes(checked.size, 'it');
  } else {
    budget.checkSize(checked.size, 'the archive');
  }
  return {
    file,
    content: checked,
    mode: explicitMode(mode),
    defaultMode: defaultMode(file.secret),
    owner: owner === undefined ? undefined : await resolveOwner(owner),
  };
}

function checkPath(path: string, format: 'file' | 'zip'): void {
  if (path.includes('\0')) throw refusal('files.path', 'the path holds a NUL character', 'correct the path');
  if (format === 'file' && path.endsWith('/')) {
    throw refusal(
      'files.path',
      'the path ends in a slash, which names a folder',
      'name the file itself, or use format zip',
    );
  }
}

/**
 * Runs one file's work; what goes wrong says which file it was and where it came from. The reason of a signal that
 * ended the work stays as it is.
 */
export async function inContext<T>(
  { entry, source }: FileToWrite,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (signal?.aborted === true && error === signal.reason) throw error;
    const explained = explainSystemError(error, entry.path);
    if (!(explained instanceof RunnerError)) throw explained;
    throw new RunnerError(
      explained.code,
      `${entry.format} ${JSON.stringify(entry.path)} of ${source}: ${explained.message}`,
      {
        exit: explained.exit,
        details: explained.details,
        cause: explained,
        ...(explained.advice === undefined ? {} : { advice: explained.advice }),
      },
    );
  }
}
