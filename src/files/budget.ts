import { refusal } from './faults.ts';
import type { FileLimits } from './files.ts';

/** What the files of one run may still take, counted over all of them together. */
export interface Budget {
  /** @throws RunnerError `files.limit` where this were an entry too many */
  takeEntries(count: number): void;
  /**
   * Takes the size of one file.
   * @param name what a person calls the file
   * @throws RunnerError `files.limit` where it, or all together, were too large
   */
  takeBytes(size: number, name: string): void;
  /** Checks the size of content that is not itself written: an archive. */
  checkSize(size: number, name: string): void;
}

const ADVICE = 'ship less through `files`, or raise the limit in the runner config';

export function createBudget(limits: FileLimits): Budget {
  let entries = 0;
  let bytes = 0;

  function checkSize(size: number, name: string): void {
    if (size <= limits.fileSizeBytes) return;
    throw refusal(
      'files.limit',
      `${name} has ${size} bytes; limits.fileSize allows ${limits.fileSizeBytes}`,
      ADVICE,
    );
  }

  return {
    takeEntries(count) {
      entries += count;
      if (entries <= limits.fileEntries) return;
      throw refusal(
        'files.limit',
        `${entries} files and entries of archives; limits.fileEntries allows ${limits.fileEntries}`,
        ADVICE,
      );
    },
    takeBytes(size, name) {
      checkSize(size, name);
      bytes += size;
      if (bytes <= limits.filesTotalBytes) return;
      throw refusal(
        'files.limit',
        `with ${name}, all files together have ${bytes} bytes; limits.filesTotal allows ${limits.filesTotalBytes}`,
        ADVICE,
      );
    },
    checkSize,
  };
}
