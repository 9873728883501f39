/** What a zip archive says it holds. adm-zip reads its directory; whether that is acceptable is decided here. */
import type AdmZip from 'adm-zip';
import { messageOf, RunnerError } from '../errors.ts';
import type { Budget } from './budget.ts';
import { type EntryName, readEntryName } from './entry-name.ts';
import { refusal } from './faults.ts';
import { archivedMode } from './mode.ts';

export interface ArchivedFile {
  readonly name: EntryName;
  /** Size of the content in bytes, as the archive says: unpacking stops where there is more. */
  readonly size: number;
  readonly crc: number;
  readonly method: 'stored' | 'deflated';
  /** Permission bits, where the archive recorded any. */
  readonly mode: number | undefined;
  /**
   * The bytes as they are in the archive: a view, not a copy.
   * @throws RunnerError `files.zip` where they are not there
   */
  compressed(): Buffer;
}

export interface Archive {
  readonly files: readonly ArchivedFile[];
  /** Symlinks; the content of each is where it leads to. */
  readonly links: readonly ArchivedFile[];
  readonly folders: readonly EntryName[];
}

/** Bit 0 of the general purpose flags. */
const FLAG_ENCRYPTED = 0x1;
const METHODS: Readonly<Record<number, ArchivedFile['method']>> = { 0: 'stored', 8: 'deflated' };
const TYPE_MASK = 0o170000;
const TYPE_REGULAR = 0o100000;
const TYPE_FOLDER = 0o040000;
const TYPE_SYMLINK = 0o120000;
/** Linux's PATH_MAX: no symlink leads to a longer path. */
const LONGEST_LINK = 4096;

/**
 * adm-zip makes an object for each parent folder of each name it decodes: a few names of 64 KiB that are all slashes
 * cost it gigabytes. It sees names as hexadecimal, which have no parents; we decode them ourselves.
 */
const OPAQUE_NAMES = {
  noSort: true,
  decoder: {
    efs: true,
    encode: (text: string) => Buffer.from(text, 'hex'),
    decode: (bytes: Buffer) => bytes.toString('hex'),
  },
};

/**
 * Reads the directory of an archive, and takes its entries and sizes from the budget before anything is unpacked.
 * Refused are devices, encrypted entries, compression other than deflate, names that are not below the
 * target, names that occur twice or are both file and folder.
 * @throws RunnerError `files.zip`, `files.zip-*`, `files.limit`
 */
export async function readArchive(bytes: Buffer, budget: Budget): Promise<Archive> {
  const files: ArchivedFile[] = [];
  const links: ArchivedFile[] = [];
  const folders: EntryName[] = [];
  for (const entry of await readDirectory(bytes, budget)) {
    const name = readEntryName(entry.rawEntryName);
    if (isFolder(entry, name)) {
      folders.push(name);
      continue;
    }
    const file = readFileEntry(entry, name);
    budget.takeBytes(file.size, `entry ${name.quoted}`);
    if (typeOf(entry) === TYPE_SYMLINK) links.push(checkLink(file));
    else files.push(file);
  }
  checkNames([...files, ...links], folders);
  return { files, links, folders };
}

async function readDirectory(bytes: Buffer, budget: Budget): Promise<readonly AdmZip.IZipEntry[]> {
  const { default: Zip } = await import('adm-zip');
  try {
    const zip = new Zip(bytes, OPAQUE_NAMES);
    // Counted before adm-zip makes an object for each of them.
    budget.takeEntries(zip.getEntryCount());
    return zip.getEntries();
  } catch (error) {
    throw unreadable(error);
  }
}

/** A folder's name ends in a slash, or its Unix mode says so. */
function isFolder(entry: AdmZip.IZipEntry, name: EntryName): boolean {
  return name.isFolder || typeOf(entry) === TYPE_FOLDER;
}

/** The file type in the entry's Unix mode; 0 where it has none (archives made on Windows). */
function typeOf(entry: AdmZip.IZipEntry): number {
  return (entry.header.attr >>> 16) & TYPE_MASK;
}

function checkLink(link: ArchivedFile): ArchivedFile {
  const { quoted } = link.name;
  // It needs a privilege there, and another call for folders than for files.
  if (process.platform === 'win32') {
    throw refusal(
      'files.zip-link',
      `entry ${quoted} is a symlink`,
      'put files and folders only into archives for Windows',
    );
  }
  if (link.size > LONGEST_LINK) {
    throw refusal(
      'files.zip-link',
      `entry ${quoted} is a symlink to a path of ${link.size} bytes; ${LONGEST_LINK} are possible`,
      'make the archive again; it may be damaged',
    );
  }
  return link;
}

function readFileEntry(entry: AdmZip.IZipEntry, name: EntryName): ArchivedFile {
  const { header } = entry;
  const type = typeOf(entry);
  if (type !== 0 && type !== TYPE_REGULAR && type !== TYPE_SYMLINK) {
    throw refusal(
      'files.zip-type',
      `entry ${name.quoted} is neither a file nor a folder nor a symlink`,
      'put nothing else into the archive',
    );
  }
  if ((header.flags & FLAG_ENCRYPTED) !== 0) {
    throw refusal(
      'files.zip-encrypted',
      `entry ${name.quoted} is encrypted`,
      'make the archive without a password',
    );
  }
  const method = METHODS[header.method];
  if (method === undefined) {
    throw refusal(
      'files.zip-method',
      `entry ${name.quoted} is compressed by method ${header.method}; stored (0) and deflate (8) are known`,
      'make the archive with deflate',
    );
  }
  return {
    name,
    size: header.size,
    crc: header.crc,
    method,
    mode: archivedMode(header.attr >>> 16),
    compressed() {
      try {
        return entry.getCompressedData();
      } catch (error) {
        throw unreadable(error);
      }
    },
  };
}

const NAME_ONCE = 'make the archive with each name once, and with nothing below what is no folder';

/** Two entries may not claim one name: which of them counts would depend on who unpacks. */
function checkNames(files: readonly ArchivedFile[], folders: readonly EntryName[]): void {
  const taken = new Set<string>();
  for (const { name } of files) {
    const key = keyOf(name.parts);
    if (taken.has(key))
      throw refusal('files.zip-duplicate', `entry ${name.quoted} is there twice`, NAME_ONCE);
    taken.add(key);
  }
  const folderNames = [...folders, ...files.map(({ name }) => ({ ...name, parts: name.parts.slice(0, -1) }))];
  for (const { parts, quoted } of folderNames) {
    for (let depth = parts.length; depth > 0; depth -= 1) {
      if (!taken.has(keyOf(parts.slice(0, depth)))) continue;
      throw refusal(
        'files.zip-duplicate',
        `entry ${quoted} needs a folder where the archive has a file or symlink`,
        NAME_ONCE,
      );
    }
  }
}

/** Names that the system's usual filesystem cannot tell apart have one key. */
function keyOf(parts: readonly string[]): string {
  const name = parts.join('/');
  return process.platform === 'win32' || process.platform === 'darwin' ? name.toLowerCase() : name;
}

function unreadable(error: unknown): RunnerError {
  if (error instanceof RunnerError) return error;
  if (/duplicate/i.test(messageOf(error))) {
    return refusal('files.zip-duplicate', 'two entries of the archive have the same name', NAME_ONCE);
  }
  return refusal(
    'files.zip',
    `content is no zip archive that can be read: ${messageOf(error).replace('ADM-ZIP: ', '')}`,
    'make the archive again; it may have been cut off',
  );
}
