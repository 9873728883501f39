import { write } from 'node:fs';
import { promisify } from 'node:util';

const writeText: (fd: number, text: string) => Promise<{ readonly bytesWritten: number }> = promisify(write);
const writeBytes: (fd: number, bytes: Uint8Array) => Promise<{ readonly bytesWritten: number }> =
  promisify(write);

/**
 * Writes text, or the rest of it where the operating system takes only a part, off the event loop.
 * A string is handed over as one: a Buffer for each piece would pile up before the next garbage collection.
 * @returns the number of bytes
 */
export async function writeFully(fd: number, text: string): Promise<number> {
  const { bytesWritten } = await writeText(fd, text);
  const length = Buffer.byteLength(text);
  if (bytesWritten < length) await writeAll(fd, Buffer.from(text).subarray(bytesWritten));
  return length;
}

export async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) {
    const { bytesWritten } = await writeBytes(fd, rest);
    rest = rest.subarray(bytesWritten);
  }
}
