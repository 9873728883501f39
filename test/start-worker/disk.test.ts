/** A disk that does not take a file, through the built program. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { listAll, modeOf } from '../support/files.ts';
import { AS_NOBODY, NEEDS_MOUNTS, NEEDS_ROOT } from '../support/shell.ts';
import { temporaryFolder } from '../support/temp.ts';
import {
  assertRefused,
  bootWithSources,
  fileEntry,
  poolWith,
  zipEntry,
  type BootSources,
} from '../support/boot-with-sources.ts';

void test('a file whose path is a folder, a device or leads through a file is refused with what stands there', async t => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'folder'));
  await writeFile(join(folder, 'plain'), 'x');
  const before = await listAll(folder);
  for (const [entry, text] of [
    [fileEntry(join(folder, 'folder'), 'x'), /a folder stands there \(EISDIR\)/],
    [fileEntry('/dev/null', 'x'), /a device, a FIFO or a socket stands there/],
    [fileEntry(join(folder, 'plain/file'), 'x'), /a part of the path is no folder/],
    [zipEntry(join(folder, 'plain'), [{ name: 'file' }]), /a part of the path is no folder/],
    [zipEntry(folder, [{ name: 'other' }, { name: 'folder', content: 'x' }]), /a folder stands there/],
    [
      zipEntry(folder, [{ name: 'other' }, { name: 'folder', content: '.', mode: 0o120777 }]),
      /a folder stands there/,
    ],
  ] as const) {
    assertRefused(await bootWithSources(t, { pool: poolWith(entry) }), 'files', text);
    assert.deepEqual(await listAll(folder), before);
  }
});

void test('a full disk is said in words, and what was begun is removed', { skip: NEEDS_MOUNTS }, async t => {
  const folder = await temporaryFolder(t);
  const content = Buffer.from(Array.from({ length: 120_000 }, (_, index) => (index * 7919) % 251));
  for (const entry of [
    fileEntry(join(folder, 'new/file'), content),
    zipEntry(join(folder, 'new'), [
      { name: 'small', content: 'x' },
      { name: 'big', content },
    ]),
  ]) {
    const result = await bootWithSources(t, {
      pool: poolWith(entry),
      wrap: inMounts('mount -t tmpfs -o size=64k none "$TARGET"', 'ls -A "$TARGET"'),
      env: { TARGET: folder },
    });
    assertRefused(result, 'files', /the disk is full \(ENOSPC\)/);
    assert.equal(result.stdout, '', 'something is left');
  }
});

void test('a bind-mounted single file is written in place', { skip: NEEDS_MOUNTS }, async t => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'origin'), 'an older and longer content', { mode: 0o644 });
  await writeFile(join(folder, 'mounted'), '');
  const { code, stderr } = await bootWithSources(t, {
    secret: { files: [fileEntry(join(folder, 'mounted'), 'new')] },
    wrap: inMounts('mount --bind "$TARGET/origin" "$TARGET/mounted"', 'true'),
    env: { TARGET: folder },
  });
  assert.equal(code, 0, stderr);
  assert.equal(await readFile(join(folder, 'origin'), 'utf8'), 'new');
  assert.equal(await modeOf(join(folder, 'origin')), '600');
  assert.deepEqual(await listAll(folder), ['mounted', 'origin']);
});

void test('who may not write a file is told so', { skip: NEEDS_ROOT }, async t => {
  const folder = await temporaryFolder(t);
  const result = await bootWithSources(t, {
    pool: poolWith(fileEntry(join(folder, 'file'), 'x')),
    wrap: ([program = '', config = ''], own) => [
      ...['sh', '-c', 'chown -R 65534 "$0"; chmod 755 "$0" "$1"; shift; exec "$@"', own, folder],
      ...[...AS_NOBODY, program, config],
    ],
  });
  assertRefused(result, 'files', /permission denied \(EACCES\)/);
  assert.deepEqual(await listAll(folder), []);
});

void test("the worker's config that cannot be written is code 108 and names its path", async t => {
  const folder = await temporaryFolder(t);
  const worker = join(folder, 'worker');
  await writeFile(worker, '#!/bin/sh\ntouch "$0.started"\n', { mode: 0o755 });
  await mkdir(join(folder, 'config.json'));
  const result = await bootWithSources(t, {
    config: {
      worker: { implementation: 'generic-worker', path: worker, configPath: join(folder, 'config.json') },
    },
  });
  assertRefused(result, 'files', /config\.json": a folder stands there/);
  assert.ok(!existsSync(`${worker}.started`));
});

/** Runs start-worker in a mount namespace that a script prepared, then another script; the code is start-worker's. */
function inMounts(before: string, after: string): NonNullable<BootSources['wrap']> {
  return ([program = '', config = '']) => [
    ...['unshare', '-m', 'sh', '-uc', `${before} || exit 1; "$0" "$1"; code=$?; ${after}; exit $code`],
    ...[program, config],
  ];
}
