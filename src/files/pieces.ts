/** Size of the pieces in which content is handed on. */
export const PIECE_BYTES = 64 * 1024;

/** Bytes in pieces, so that a signal can come between them. */
export function* pieces(bytes: Buffer, signal: AbortSignal | undefined): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    signal?.throwIfAborted();
    yield bytes.subarray(start, start + PIECE_BYTES);
  }
}
