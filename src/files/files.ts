/** The door of the files room. */
import type { FileEntry } from '../model.ts';

export interface FileToWrite {
  readonly entry: FileEntry;
  /** What a person calls its origin: `secret worker-pool:a/b`. */
  readonly source: string;
  /** From the secrets service: private unless the entry says otherwise. */
  readonly secret: boolean;
}

export interface FileLimits {
  readonly fileEntries: number;
  readonly fileSizeBytes: number;
  readonly filesTotalBytes: number;
}
