import { isUtf8 } from 'node:buffer';
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  readSync,
  statSync,
  type Stats,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { messageOf, RunnerError, systemCode } from '../errors.ts';

/** A runner config has a few hundred bytes; its certificates and secrets may make it a few thousand. */
const MOST_BYTES = 1024 * 1024;
/** As Linux (MAXSYMLINKS). */
const MOST_LINKS = 40;

/**
 * Opens a runner config and hands over its text (without byte-order mark) and the open file's descriptor, which is
 * closed when `use` is done: whoever looks at the permissions looks at the very file that was read. Synchronous: nothing
 * else happens yet that could be held up, and each trip through Node's thread pool would cost the start.
 * @throws RunnerError `config.missing`, `.unreadable`, `.not-a-file`, `.symlink`, `.too-large`, `.encoding`
 */
export async function withConfigFile<T>(
  path: string,
  use: (text: string, descriptor: number) => Promise<T>,
): Promise<T> {
  const descriptor = openConfigFile(path);
  try {
    return await use(decode(path, readBounded(path, descriptor)), descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function openConfigFile(path: string): number {
  try {
    return openRegularFile(path);
  } catch (error) {
    throw error instanceof RunnerError ? error : openError(path, error);
  }
}

function openRegularFile(path: string): number {
  checkLinks(path);
  // Looked at before it is opened (opening a device may do something), and again afterwards (it may have been exchanged).
  checkRegular(path, statSync(path));
  // O_NONBLOCK: opening a FIFO would wait for its writer. Windows knows no such flag.
  const descriptor = openSync(
    path,
    constants.O_RDONLY | (process.platform === 'win32' ? 0 : constants.O_NONBLOCK),
  );
  try {
    checkRegular(path, fstatSync(descriptor));
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/**
 * A link is followed when root or our own user made it, as Kubernetes does for its mounts: anyone else could point the
 * runner at another configuration.
 */
function checkLinks(path: string): void {
  if (process.getuid === undefined) return;
  const trusted = new Set([0, process.getuid()]);
  let current = path;
  for (let links = 0; links < MOST_LINKS; links++) {
    const found = lstatSync(current, { throwIfNoEntry: false });
    // Nothing there: opening it will say so. (A pipe behind /dev/stdin has a name that leads nowhere, and is there.)
    if (found?.isSymbolicLink() !== true) return;
    if (!trusted.has(found.uid)) {
      const whose = `is a symbolic link that belongs to user ${found.uid}`;
      throw configError('symlink', `${path}: ${current === path ? 'it' : current} ${whose}`, {
        advice: 'Name the file itself, or let root or the user that runs start-worker own the link.',
      });
    }
    // Its own folder may be a link, and then ".." is not what it seems.
    current = resolve(realpathSync(dirname(current)), readlinkSync(current));
  }
}

function checkRegular(path: string, found: Stats): void {
  if (found.isFile()) return;
  throw configError(
    'not-a-file',
    `${path}: a runner config is a regular file, and this is ${kindOf(found)}`,
    {
      advice: 'Save the configuration in a file and name that.',
    },
  );
}

function kindOf(found: Stats): string {
  if (found.isDirectory()) return 'a folder';
  if (found.isFIFO()) return 'a pipe (FIFO)';
  if (found.isSocket()) return 'a socket';
  return 'a device';
}

function openError(path: string, error: unknown): RunnerError {
  const code = systemCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    const what = isLink(path) ? 'it is a symbolic link that leads nowhere' : 'there is no such file';
    return configError('missing', `${path}: ${what}`, {
      advice: 'Give start-worker the path of a runner config.',
      cause: error,
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    const user = process.getuid === undefined ? '' : ` (user ${process.getuid()})`;
    return configError('unreadable', `${path}: start-worker${user} is not allowed to read it`, {
      advice: 'Let the user that runs start-worker own it, with mode 0600.',
      cause: error,
    });
  }
  const text =
    code === 'ELOOP'
      ? 'its symbolic links lead in a circle'
      : `it cannot be opened (${code ?? messageOf(error)})`;
  return configError('unreadable', `${path}: ${text}`, { cause: error });
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}

function readBounded(path: string, descriptor: number): Buffer {
  // The size that the file system tells is not asked: files of /proc have none.
  const buffer = Buffer.allocUnsafe(MOST_BYTES + 1);
  let length = 0;
  while (length < buffer.length) {
    const read = readSome(path, descriptor, buffer.subarray(length));
    if (read === 0) return buffer.subarray(0, length);
    length += read;
  }
  throw configError(
    'too-large',
    `${path}: it has more than ${MOST_BYTES / 1024} KiB; a runner config is far smaller`,
    {
      advice: 'Name the runner config; large content belongs into `files` of the worker pool or of a secret.',
    },
  );
}

function readSome(path: string, descriptor: number, into: Buffer): number {
  try {
    return readSync(descriptor, into);
  } catch (error) {
    const reason = systemCode(error) ?? messageOf(error);
    throw configError('unreadable', `${path}: it cannot be read (${reason})`, { cause: error });
  }
}

function decode(path: string, bytes: Buffer): string {
  const first = bytes.length >= 2 ? bytes.readUInt16BE(0) : 0;
  if (first === 0xfeff || first === 0xfffe) {
    throw configError('encoding', `${path}: it is UTF-16 text; a runner config is UTF-8`, {
      advice: 'Save it as UTF-8.',
    });
  }
  if (bytes.includes(0))
    throw configError('encoding', `${path}: it is a binary file, not a runner config`, {
      advice: 'Name the runner config; it is text in UTF-8.',
    });
  if (!isUtf8(bytes)) {
    throw configError('encoding', `${path}: it is not UTF-8 text`, { advice: 'Save it as UTF-8.' });
  }
  const text = bytes.toString('utf8');
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

function configError(
  code: string,
  message: string,
  more: { readonly advice?: string; readonly cause?: unknown } = {},
): RunnerError {
  return new RunnerError(`config.${code}`, message, { exit: 'config', ...more });
}
