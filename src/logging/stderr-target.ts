/**
 * Standard error, written to without ever blocking the event loop: while a reader stands still, credentials must be
 * renewed and signals obeyed all the same.
 */
import { closeSync, constants, fstatSync, openSync, writeSync, type Stats } from 'node:fs';
import type { Writable } from 'node:stream';
import { setTimeout as setTimeoutAsync } from 'node:timers/promises';
import { systemCode } from '../errors.ts';
import type { Target } from './target.ts';
import { writeFully } from './write-fully.ts';

const STDERR = 2;
/** How soon a terminal that takes no more is asked again: soon if it is merely slow, later if it was stopped (Ctrl-S). */
const ASK_AGAIN_MS = { first: 1, last: 50 } as const;

/** The target for what standard error is here: a file, a terminal or another device, a pipe, a socket (journald). */
export function openStderr(): Target {
  const stats = statStderr();
  if (stats?.isFile() === true) return fileOnStderr();
  const isDevice = stats?.isCharacterDevice() === true;
  const fd = isDevice || stats?.isFIFO() === true ? openAnew() : undefined;
  if (fd === undefined) return streamTarget(process.stderr, letGoOfStderr);
  if (isDevice) return deviceTarget(fd);
  const { Socket } = process.getBuiltinModule('node:net');
  const socket = new Socket({ fd, readable: false, writable: true });
  return streamTarget(socket, () => socket.destroy());
}

function statStderr(): Stats | undefined {
  try {
    return fstatSync(STDERR);
  } catch {
    return undefined;
  }
}

/**
 * The same pipe or terminal behind a file description of our own. O_NONBLOCK belongs to the description, and that of
 * descriptor 2 is shared with the shell or the supervisor that started us: set there, as process.stderr does, it
 * breaks *their* writes with EAGAIN. Not possible for sockets, elsewhere than on Linux, or for another user's pipe.
 */
function openAnew(): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return openSync(
      `/proc/self/fd/${STDERR}`,
      constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY,
    );
  } catch {
    return undefined;
  }
}

/** On the thread pool: a slow disk must not hold up the loop either. */
function fileOnStderr(): Target {
  return {
    async write(text) {
      await writeFully(STDERR, text);
    },
    reopen: () => Promise.resolve(),
    close: () => undefined,
  };
}

/** A stream writes at once what a pipe has room for, has the loop wait for more room, and tells when all is gone. */
function streamTarget(stream: Writable, free: () => void): Target {
  // The write's own callback tells of the same failure; without a listener it would end the process.
  stream.on('error', () => undefined);
  return {
    write: text =>
      new Promise((resolve, reject) => {
        stream.write(text, error => {
          if (error) reject(error);
          else resolve();
        });
      }),
    reopen: () => Promise.resolve(),
    close: free,
  };
}

/**
 * Gives up a write that hangs, which would keep the process alive for ever: process.stderr's own destroy() is made to
 * do nothing. The descriptor stays open: libuv closes none of the first three.
 */
function letGoOfStderr(): void {
  const { Socket } = process.getBuiltinModule('node:net');
  const { stderr } = process as { readonly stderr: Writable };
  if (stderr.writableLength > 0 && stderr instanceof Socket) {
    Socket.prototype._destroy.call(stderr, null, () => undefined);
  }
}

/**
 * Terminals and devices. Streams for terminals block the loop, and other devices have no stream that waits for them:
 * so one that takes no more is asked again by and by. Its output is small, or nobody waits for it.
 */
function deviceTarget(fd: number): Target {
  let closed = false;
  return {
    async write(text) {
      let rest = Buffer.from(text);
      let pauseMs: number = ASK_AGAIN_MS.first;
      while (!closed) {
        const written = writeSome(fd, rest);
        rest = rest.subarray(written);
        if (rest.length === 0) return;
        await setTimeoutAsync(pauseMs);
        pauseMs = written > 0 ? ASK_AGAIN_MS.first : Math.min(pauseMs * 2, ASK_AGAIN_MS.last);
      }
    },
    reopen: () => Promise.resolve(),
    close() {
      closed = true;
      closeSync(fd);
    },
  };
}

/** How many bytes a descriptor that does not block took just now. */
function writeSome(fd: number, bytes: Buffer): number {
  try {
    return writeSync(fd, bytes);
  } catch (error) {
    if (systemCode(error) === 'EAGAIN') return 0;
    throw error;
  }
}
