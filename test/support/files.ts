/** What the tests of the files room share. */
import assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import { RunnerError } from '../../src/errors.ts';
import type { FileLimits, FileToWrite } from '../../src/files/files.ts';
import { writeFiles } from '../../src/files/write-files.ts';
import type { Fields } from '../../src/logging/log.ts';
import type { FileEntry } from '../../src/model.ts';

export const LIMITS: FileLimits = {
  fileEntries: 100,
  fileSizeBytes: 1024 * 1024,
  filesTotalBytes: 2 * 1024 * 1024,
};

type EntryOptions = Partial<Omit<FileEntry, 'path' | 'content'>>;

export function fromPool(path: string, content: string | Buffer, options: EntryOptions = {}): FileToWrite {
  return { entry: makeEntry(path, content, options), source: 'provider', secret: false };
}

export function fromSecret(path: string, content: string | Buffer, options: EntryOptions = {}): FileToWrite {
  return { entry: makeEntry(path, content, options), source: 'secret worker-pool:a/b', secret: true };
}

function makeEntry(path: string, content: string | Buffer, options: EntryOptions): FileEntry {
  return {
    path,
    content: Buffer.from(content).toString('base64'),
    encoding: 'base64',
    format: 'file',
    ...options,
  };
}

export interface LogLine {
  readonly message: string;
  readonly fields: Fields | undefined;
}

/** Writes files and gives what was logged. */
export async function write(
  files: readonly FileToWrite[],
  limits: FileLimits = LIMITS,
): Promise<readonly LogLine[]> {
  const lines: LogLine[] = [];
  await writeFiles(files, limits, { info: (message, fields) => void lines.push({ message, fields }) });
  return lines;
}

/** Expects the code of a RunnerError, and gives the error. */
export async function refused(work: Promise<unknown>, code: string | RegExp): Promise<RunnerError> {
  const error: unknown = await work.then(
    () => assert.fail(`nothing was refused; expected ${String(code)}`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RunnerError, String(error));
  if (typeof code === 'string') assert.equal(error.code, code, error.message);
  else assert.match(error.code, code, error.message);
  return error;
}

/** Permission bits of a file, in octal. */
export async function modeOf(path: string): Promise<string> {
  return ((await stat(path)).mode & 0o7777).toString(8);
}

/** Everything below a folder, hidden files too. */
export async function listAll(folder: string): Promise<readonly string[]> {
  return (await readdir(folder, { recursive: true })).sort();
}
