/** Which permission bits a written file gets. */

/** Of a file from a secret: nobody but its owner reads it. */
const SECRET_MODE = 0o600;
/** Of a file from the worker pool's configuration, which anybody can read: as in the reference, it may be run. */
const POOL_MODE = 0o755;
/** Of every folder that has to be made. */
export const FOLDER_MODE = 0o755;

const PERMISSIONS = 0o777;
const WRITE_FOR_OTHERS = 0o022;

/** The mode of a file for which neither its entry nor its archive names one. */
export function defaultMode(secret: boolean): number {
  return secret ? SECRET_MODE : POOL_MODE;
}

/** The entry's own `mode`, quoted octal that the schema has checked: it may set every bit, setuid too. */
export function explicitMode(mode: string | undefined): number | undefined {
  return mode === undefined ? undefined : Number.parseInt(mode, 8);
}

/**
 * The mode that an archive recorded for a file: its permissions, less write for group and others, and never setuid,
 * setgid or sticky, which an archive could smuggle in. Nothing where it recorded none (archives made on Windows).
 * @param unixMode the upper half of the entry's external attributes
 */
export function archivedMode(unixMode: number): number | undefined {
  return unixMode === 0 ? undefined : unixMode & PERMISSIONS & ~WRITE_FOR_OTHERS;
}
