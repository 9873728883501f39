/** Faults of the disk, made for real: in a mount namespace of the test's own, or as another user. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { listAll, modeOf } from '../support/files.ts';
import { temporaryFolder } from '../support/temp.ts';
import { makeZip } from '../support/zip.ts';

const run = promisify(execFile);
const PROGRAM = join(import.meta.dirname, '..', 'fixtures', 'write-files.ts');
const skip = spawnSync('unshare', ['-m', 'true']).status === 0 ? false : 'no mount namespaces for us here';

interface Outcome {
  readonly written?: true;
  readonly exit?: string;
  readonly message?: string;
}

/** Writes a file from inside a mount namespace that a shell script has prepared ($FOLDER is the test's folder). */
async function writeAfter(
  script: string,
  folder: string,
  path: string,
  content: string | Buffer,
  format = 'file',
  after = 'true',
): Promise<Outcome> {
  const program = '"$NODE" "$PROGRAM" "$TARGET" "$CONTENT" "$FORMAT" && ';
  const { stdout } = await run('unshare', ['-m', 'sh', '-euc', `${script}\n${program} { ${after} >&2; }`], {
    env: {
      ...process.env,
      FOLDER: folder,
      NODE: process.execPath,
      PROGRAM,
      TARGET: path,
      CONTENT: Buffer.from(content).toString('base64'),
      FORMAT: format,
    },
  });
  return JSON.parse(stdout) as Outcome;
}

test('a bind-mounted single file is written in place and gets its mode', { skip }, async t => {
  const folder = await temporaryFolder(t);
  const mounted = join(folder, 'mounted');
  const origin = join(folder, 'origin');
  await writeFile(origin, 'an older and much longer content', { mode: 0o644 });
  await writeFile(mounted, '');
  const outcome = await writeAfter('mount --bind "$FOLDER/origin" "$FOLDER/mounted"', folder, mounted, 'new');
  assert.deepEqual(outcome, { written: true });
  assert.equal(await readFile(origin, 'utf8'), 'new');
  assert.equal(await modeOf(origin), '600');
  assert.deepEqual(await listAll(folder), ['mounted', 'origin']);
});

test('a bind-mounted single file among the entries of a zip is written in place', { skip }, async t => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'origin'), 'old');
  await writeFile(join(folder, 'mounted'), '');
  const archive = makeZip([
    { name: 'mounted', content: 'new' },
    { name: 'other', content: 'too' },
  ]);
  const script = 'mount --bind "$FOLDER/origin" "$FOLDER/mounted"';
  assert.deepEqual(await writeAfter(script, folder, folder, archive, 'zip'), { written: true });
  assert.equal(await readFile(join(folder, 'origin'), 'utf8'), 'new');
  assert.deepEqual(await listAll(folder), ['mounted', 'origin', 'other']);
});

test('an archive is unpacked across filesystems', { skip }, async t => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'inner'));
  const archive = makeZip([
    { name: 'outer', content: 'x' },
    { name: 'inner/new/file', content: 'x' },
  ]);
  const outcome = await writeAfter(
    'mount -t tmpfs none "$FOLDER/inner"',
    folder,
    folder,
    archive,
    'zip',
    'test -f "$FOLDER/inner/new/file"',
  );
  assert.deepEqual(outcome, { written: true });
});

test('a full disk is said in words, and what was begun is removed', { skip }, async t => {
  const folder = await temporaryFolder(t);
  const script = 'mount -t tmpfs -o size=32k none "$FOLDER"';
  const leftovers = 'test -z "$(ls -A "$FOLDER")"';
  const content = Buffer.alloc(60_000, 'incompressible?');
  const file = await writeAfter(script, folder, join(folder, 'new/file'), content, 'file', leftovers);
  assert.equal(file.exit, 'files');
  assert.match(file.message ?? '', /disk is full \(ENOSPC\)/);
  const archive = makeZip([
    { name: 'small', content: 'x' },
    { name: 'big', content },
  ]);
  const zip = await writeAfter(script, folder, join(folder, 'new'), archive, 'zip', leftovers);
  assert.equal(zip.exit, 'files');
  assert.match(zip.message ?? '', /disk is full/);
});

test('a read-only filesystem is said in words', { skip }, async t => {
  const folder = await temporaryFolder(t);
  const script = 'mount -t tmpfs -o ro none "$FOLDER"';
  const outcome = await writeAfter(script, folder, join(folder, 'file'), 'x');
  assert.equal(outcome.exit, 'files');
  assert.match(outcome.message ?? '', /read-only \(EROFS\)/);
});

test(
  'who may not write somewhere is told so, and an archive that gets half way leaves nothing',
  { skip: skip || needsRoot() },
  async t => {
    const folder = await temporaryFolder(t);
    await chmod(folder, 0o777);
    await mkdir(join(folder, 'forbidden'), { mode: 0o755 });
    const archive = makeZip([{ name: 'good/file' }, { name: 'forbidden/file' }]);
    const { stdout } = await run('setpriv', [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      process.execPath,
      PROGRAM,
      folder,
      archive.toString('base64'),
      'zip',
    ]);
    const outcome = JSON.parse(stdout) as Outcome;
    assert.equal(outcome.exit, 'files');
    assert.match(outcome.message ?? '', /permission denied \(EACCES\) in "[^"]*forbidden"/);
    assert.deepEqual(await listAll(folder), ['forbidden']);
  },
);

function needsRoot(): string | false {
  return process.geteuid?.() === 0 ? false : 'only root can become another user';
}
