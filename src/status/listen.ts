/** The address that is listened on: a port, or a socket that only its owner may open. */
import { lstat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import type { StatusAddress } from '../config/runner-config.ts';
import { systemCode } from '../errors.ts';

/** @throws the system's error where the address cannot be had */
export async function listen(server: Server, address: StatusAddress): Promise<void> {
  if (address.kind === 'tcp') return bound(server, () => server.listen(address.port, address.host));
  const { path } = address;
  try {
    await boundPrivately(server, path);
  } catch (error) {
    if (systemCode(error) !== 'EADDRINUSE' || !(await isLeftBehind(path))) throw error;
    await unlink(path);
    await boundPrivately(server, path);
  }
}

/** The socket is made by listen(), in the same turn: there is no moment at which others could open it. */
function boundPrivately(server: Server, path: string): Promise<void> {
  return bound(server, () => {
    const umask = process.umask(0o177);
    try {
      server.listen(path);
    } finally {
      process.umask(umask);
    }
  });
}

function bound(server: Server, listenNow: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    listenNow();
  });
}

/** Whether the path is a socket that nobody listens on any more: its program was killed. */
async function isLeftBehind(path: string): Promise<boolean> {
  if (!(await lstat(path)).isSocket()) return false;
  return new Promise(resolve => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', error => resolve(systemCode(error) === 'ECONNREFUSED'));
  });
}
