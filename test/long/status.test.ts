import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { serveScene } from '../support/status-scene.ts';

for (const [what, sent] of [
  ['nothing', ''],
  ['half a request', 'GET /status HTTP/1.1\r\nHost: 127.0.0.1\r\n'],
] as const) {
  void test(`a connection that sends ${what} has five seconds, and a moment`, async t => {
    const { port } = await serveScene(t);
    const socket = connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    const began = performance.now();
    socket.resume().write(sent);
    await once(socket, 'close', { signal: AbortSignal.timeout(20_000) });
    const tookMs = performance.now() - began;
    assert.ok(tookMs >= 4_000 && tookMs < 15_000, `${tookMs} ms`);
  });
}
