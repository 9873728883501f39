/** Files that the worker pool's configuration and secrets put on the worker's disk. */
import type { Log } from '../logging/log.ts';
import { readArchive } from './archive.ts';
import type { Budget } from './budget.ts';
import { withChanges } from './changes.ts';
import { locate } from './place.ts';
import { pieces } from './pieces.ts';
import { inContext, type PlannedFile, planFiles } from './plan.ts';
import { writeFileAt } from './stage.ts';
import type { FileLimits, FileToWrite } from './files.ts';

/**
 * Writes files in their order, so that the last of a path stands, and logs one line for each. Paths, encodings, modes,
 * owners and sizes are checked before the first is written. A file is written beside its place, fsynced and renamed;
 * an archive is unpacked whole or not at all; what fails leaves nothing behind, but files before it stay.
 * @throws RunnerError `files.*`, exit `badSource` where the source is wrong and `files` where the disk does not take
 *   it; or the signal's reason
 */
export async function writeFiles(
  files: readonly FileToWrite[],
  limits: FileLimits,
  log: Pick<Log, 'info'>,
  signal?: AbortSignal,
): Promise<void> {
  const plan = await planFiles(files, limits);
  for (const planned of plan.files) {
    signal?.throwIfAborted();
    const size = await inContext(planned.file, () => writeOne(planned, plan.budget, signal), signal);
    logWritten(planned.file, size, log);
  }
}

interface Written {
  readonly bytes: number;
  /** How many files and symlinks an archive held. */
  readonly entries?: number;
}

async function writeOne(
  planned: PlannedFile,
  budget: Budget,
  signal: AbortSignal | undefined,
): Promise<Written> {
  const { file, content, mode, defaultMode, owner } = planned;
  if (file.entry.format === 'zip') {
    const { unpack } = await import('./unpack.ts');
    const archive = await readArchive(content.decode(), budget);
    await unpack(archive, file.entry.path, { mode, defaultMode, owner, signal });
    return {
      bytes: archive.files.reduce((sum, { size }) => sum + size, 0),
      entries: archive.files.length + archive.links.length,
    };
  }
  const place = await locate(file.entry.path);
  const attributes = { mode: mode ?? defaultMode, owner };
  await withChanges(changes => writeFileAt(place, pieces(content.decode(), signal), attributes, changes));
  return { bytes: content.size };
}

/** The description is for people; the content never appears. */
function logWritten(
  { entry, source }: FileToWrite,
  { bytes, entries }: Written,
  log: Pick<Log, 'info'>,
): void {
  const { path, format, description } = entry;
  log.info(format === 'zip' ? `unpacked an archive at ${path}` : `wrote file ${path}`, {
    ...(description === undefined ? {} : { description }),
    ...(entries === undefined ? {} : { entries }),
    format,
    size: bytes,
    source,
  });
}
