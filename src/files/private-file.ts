import { explainSystemError } from './faults.ts';
import { withChanges } from './changes.ts';
import { locate } from './place.ts';
import { writeFileAt } from './stage.ts';

/**
 * Writes a file that only its owner, the runner's user, can read (0600), whatever stood there before; missing folders
 * are made 0755. Atomic: a reader sees the old file or the new one. A symlink at the path is followed.
 * @throws RunnerError `files.write`, exit `files`
 */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  try {
    const place = await locate(path);
    await withChanges(changes =>
      writeFileAt(place, [Buffer.from(text)], { mode: 0o600, owner: undefined }, changes),
    );
  } catch (error) {
    throw explainSystemError(error, path);
  }
}
