/** Writes zip archives byte by byte, also ones that no tool would write: every field of an entry may be a lie. */
import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipEntry {
  readonly name: string | Buffer;
  readonly content?: string | Buffer;
  /** The whole Unix mode with the file type, such as 0o100644; absent: recorded on Windows. */
  readonly mode?: number;
  readonly method?: number;
  readonly flags?: number;
  /** Instead of the true values. */
  readonly size?: number;
  readonly crc?: number;
  readonly compressed?: Buffer;
}

const UTF8_NAME = 0x800;
const DEFLATE = 8;

export function makeZip(entries: readonly ZipEntry[]): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const { local, central } = makeEntry(entry, offset);
    locals.push(local);
    centrals.push(central);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

function makeEntry(entry: ZipEntry, offset: number): { readonly local: Buffer; readonly central: Buffer } {
  const name = Buffer.from(entry.name);
  const content = Buffer.from(entry.content ?? '');
  const method = entry.method ?? DEFLATE;
  const compressed = entry.compressed ?? (method === DEFLATE ? deflateRawSync(content) : content);
  // The fields that the local and the central header share, from "version needed" to "length of the extra field".
  const shared = Buffer.alloc(26);
  shared.writeUInt16LE(20, 0);
  shared.writeUInt16LE(UTF8_NAME | (entry.flags ?? 0), 2);
  shared.writeUInt16LE(method, 4);
  shared.writeUInt32LE(entry.crc ?? crc32(content), 10);
  shared.writeUInt32LE(compressed.length, 14);
  shared.writeUInt32LE(entry.size ?? content.length, 18);
  shared.writeUInt16LE(name.length, 22);

  const madeBy = Buffer.from([0x50, 0x4b, 1, 2, 20, entry.mode === undefined ? 0 : 3]);
  const rest = Buffer.alloc(14);
  rest.writeUInt32LE(((entry.mode ?? 0) << 16) >>> 0, 6);
  rest.writeUInt32LE(offset, 10);
  return {
    local: Buffer.concat([Buffer.from([0x50, 0x4b, 3, 4]), shared, name, compressed]),
    central: Buffer.concat([madeBy, shared, rest, name]),
  };
}
