/** The door of the files room: what it is handed. write-files.ts, entries.ts and private-file.ts are its ways in. */
import type { FileEntry } from '../model.ts';

export interface FileToWrite {
  readonly entry: FileEntry;
  /** What a person calls its origin: `secret worker-pool:a/b`. */
  readonly source: string;
  /** From the secrets service: private unless the entry says otherwise. */
  readonly secret: boolean;
}

/** Counted over all files of a run together, unpacked; `fileSizeBytes` is for each. */
export interface FileLimits {
  readonly fileEntries: number;
  readonly fileSizeBytes: number;
  readonly filesTotalBytes: number;
}
