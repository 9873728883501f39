/** A proxy on loopback that opens tunnels, or refuses to. */
import net from 'node:net';
import type { TestContext } from 'node:test';
import { startRawServer } from './taskcluster-server.ts';

export interface TunnelProxy {
  readonly port: number;
  /** The heads of the requests it got. */
  readonly heads: readonly string[];
}

/** Opens every tunnel it is asked for to a port of this machine, or answers with a status line of its own. */
export async function startProxy(t: TestContext, status = '200 OK'): Promise<TunnelProxy> {
  const heads: string[] = [];
  const port = await startRawServer(t, socket => {
    socket.once('data', (head: Buffer) => {
      heads.push(head.toString('latin1'));
      const target = /^CONNECT [^:]+:(\d+)/.exec(heads.at(-1) ?? '')?.[1];
      socket.write(`HTTP/1.1 ${status}\r\n\r\n`);
      if (target === undefined || !status.startsWith('200')) return socket.end();
      const upstream = net.connect(Number(target), '127.0.0.1');
      upstream.on('error', () => socket.destroy());
      socket.on('close', () => upstream.destroy());
      socket.pipe(upstream).pipe(socket);
    });
  });
  return { port, heads };
}
