/** A log file: appended to, rotated by size, opened anew when told. */
import { close, closeSync, constants, fstat, fstatSync, openSync, open, type Stats } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import { messageOf, RunnerError, systemCode } from '../errors.ts';
import type { LoggingOptions } from './log.ts';
import type { Target } from './target.ts';
import { writeAll, writeFully } from './write-fully.ts';

export type FileOptions = Extract<LoggingOptions, { readonly implementation: 'file' }>;

/** Its owner writes, its group (adm, a log shipper) reads; the umask may take more away. An existing file keeps its own. */
const MODE = 0o640;
/** O_NONBLOCK for named pipes, which would otherwise wait here for a reader. */
const FLAGS =
  constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOCTTY;

const openAsync = promisify(open);
const closeAsync = promisify(close);
const fstatAsync: (fd: number) => Promise<Stats> = promisify(fstat);

interface OpenFile {
  readonly fd: number;
  size: number;
  /** Only regular files are rotated. */
  readonly rotates: boolean;
}

/**
 * @param notice told when the file cannot be rotated or opened anew; writing goes on in the old one
 * @throws RunnerError `logging.file` where the file cannot be opened
 */
export function openLogFile(options: FileOptions, notice: (message: string) => void): Target {
  const { path, keep } = options;
  let file = openAtStart(path);
  let limit = options.maxSizeBytes;
  /** The last write failed: the disk may have been mounted anew since. */
  let failed = false;

  async function reopen(): Promise<void> {
    const old = file.fd;
    const fd = await openAsync(path, FLAGS, MODE);
    file = describe(fd, await fstatAsync(fd));
    limit = options.maxSizeBytes;
    // What fails when a file is closed was told when it was written to.
    await closeAsync(old).catch(() => undefined);
  }

  async function rotate(): Promise<void> {
    try {
      await shiftFiles(path, keep);
      await reopen();
    } catch (error) {
      limit = file.size + options.maxSizeBytes;
      notice(`log file ${path} cannot be rotated, it goes on growing: ${messageOf(error)}`);
    }
  }

  async function writeInParts(bytes: Buffer): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      let part = wholeLines(rest, limit - file.size);
      if (part === 0 && file.size > 0) {
        await rotate();
        part = wholeLines(rest, limit - file.size);
      }
      // A line that is longer than a whole file stands in one of its own.
      if (part === 0) part = rest.indexOf('\n') + 1 || rest.length;
      await writeAll(file.fd, rest.subarray(0, part));
      file.size += part;
      rest = rest.subarray(part);
    }
  }

  async function append(text: string): Promise<void> {
    if (failed) await reopen();
    if (!file.rotates || file.size + Buffer.byteLength(text) <= limit)
      file.size += await writeFully(file.fd, text);
    else await writeInParts(Buffer.from(text));
  }

  return {
    async write(text) {
      try {
        await append(text);
        failed = false;
      } catch (error) {
        failed = true;
        throw error;
      }
    },
    async reopen() {
      try {
        await reopen();
      } catch (error) {
        notice(`log file ${path} cannot be opened anew, the old one is used: ${messageOf(error)}`);
      }
    },
    close: () => close(file.fd, () => undefined),
  };
}

function openAtStart(path: string): OpenFile {
  let fd: number | undefined;
  try {
    fd = openSync(path, FLAGS, MODE);
    const stats = fstatSync(fd);
    if (stats.isFile() || stats.isCharacterDevice()) return describe(fd, stats);
  } catch (error) {
    throw unusable(path, messageOf(error), error);
  }
  closeSync(fd);
  throw unusable(path, 'it is neither a file nor a device', undefined);
}

function unusable(path: string, reason: string, cause: unknown): RunnerError {
  const advice =
    systemCode(cause) === 'ENOENT'
      ? 'create the folder, or correct logging.path'
      : 'name a file that this user may write in logging.path';
  return new RunnerError('logging.file', `log file ${path} cannot be opened: ${reason}`, {
    exit: 'files',
    advice,
    cause,
  });
}

function describe(fd: number, stats: Stats): OpenFile {
  return { fd, size: stats.size, rotates: stats.isFile() };
}

/** How many bytes at the beginning are whole lines and fit into `room`. */
function wholeLines(bytes: Buffer, room: number): number {
  if (bytes.length <= room) return bytes.length;
  return room <= 0 ? 0 : bytes.lastIndexOf('\n', room - 1) + 1;
}

/** path.1 becomes path.2 and so on, the oldest goes, and path becomes path.1; with none to keep, path goes. */
async function shiftFiles(path: string, keep: number): Promise<void> {
  for (let number = keep - 1; number >= 1; number -= 1) {
    await renameIfThere(`${path}.${number}`, `${path}.${number + 1}`);
  }
  if (keep > 0) await renameIfThere(path, `${path}.1`);
  else await rm(path, { force: true });
}

async function renameIfThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}
