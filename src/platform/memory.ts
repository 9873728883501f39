/** How V8's collector is called where it is exposed to scripts. */
type Collect = (options: {
  readonly type: 'major' | 'minor';
  readonly execution: 'sync';
  readonly flavor?: 'last-resort';
}) => void;

/** What a worker may write before the garbage of reading it is collected. */
const COLLECT_EVERY_BYTES = 1024 * 1024;

/**
 * Gives back the memory that a boot needed and a rest does not: garbage, and compiled code that has run for the last
 * time. V8 would keep it until it is short of memory, which a resting program never is. Takes some 20 ms, in which
 * nothing else happens.
 */
export function releaseMemory(): void {
  exposeCollector()?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

/**
 * Told how many bytes were read, it collects what reading them left behind. Chunks that are read are memory outside of
 * V8's heap, and tens of MiB of them, and of the strings made of them, pile up before V8 looks. Takes about 1 ms a
 * MiB, and V8 itself has that much less to do.
 */
export function createReadingCollector(): (bytes: number) => void {
  let collect: Collect | undefined;
  let bytesSince = 0;
  return bytes => {
    bytesSince += bytes;
    if (bytesSince < COLLECT_EVERY_BYTES) return;
    bytesSince = 0;
    collect ??= exposeCollector();
    collect?.({ type: 'minor', execution: 'sync' });
  };
}

/** Exposed when it is needed and not by a flag at the start: V8 rejects Node's own code cache where that flag is set. */
function exposeCollector(): Collect | undefined {
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  const { runInNewContext } = process.getBuiltinModule('node:vm');
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as Collect | undefined;
}
