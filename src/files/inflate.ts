import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import { messageOf } from '../errors.ts';
import type { ArchivedFile } from './archive.ts';
import { refusal } from './faults.ts';
import { PIECE_BYTES, pieces } from './pieces.ts';

/**
 * The content of an archived file, piece by piece, and checked: it ends with an error as soon as there is more of it
 * than the archive says, so that memory and disk never hold more than was budgeted; or at its end, where it is too
 * short or its checksum is wrong.
 * @throws RunnerError `files.zip-content`, or the signal's reason
 */
export async function* contentOf(
  file: ArchivedFile,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  let checksum = 0;
  for await (const piece of file.method === 'stored' ? pieces(file.compressed(), signal) : inflate(file)) {
    signal?.throwIfAborted();
    size += piece.length;
    if (size > file.size) throw broken(file, `it has more than the ${file.size} bytes that the archive says`);
    checksum = crc32(piece, checksum);
    yield piece;
  }
  if (size < file.size) throw broken(file, `it has ${size} bytes, and the archive says ${file.size}`);
  if (checksum !== file.crc) throw broken(file, 'its checksum (CRC-32) is wrong');
}

async function* inflate(file: ArchivedFile): AsyncGenerator<Uint8Array> {
  const compressed = file.compressed();
  if (compressed.length === 0) return;
  try {
    if (file.size <= PIECE_BYTES) {
      // A stream for each of thousands of small files takes most of the time and memory.
      yield inflateRawSync(compressed, { maxOutputLength: file.size + 1, chunkSize: file.size + 64 });
      return;
    }
    const stream = createInflateRaw({ chunkSize: PIECE_BYTES });
    stream.end(compressed);
    for await (const piece of stream) yield piece as Uint8Array;
  } catch (error) {
    throw broken(file, messageOf(error));
  }
}

function broken(file: ArchivedFile, why: string): Error {
  return refusal(
    'files.zip-content',
    `the content of entry ${file.name.quoted} is damaged: ${why}`,
    'make the archive again; it may have been cut off',
  );
}
