/** A disk that keeps at a power cut only what was fsynced, file and folder; what was not may be there, torn, or gone. */
import { dirname } from 'node:path';
import type { StateFile } from '../../src/state/state.ts';
import type { Random } from './random.ts';

interface Inode {
  text: string;
  mode: number;
  /** What is on the platter; undefined: nothing that one could rely on. */
  synced: string | undefined;
}

/** A change of a folder that is not durable yet. */
type Change = (names: Map<string, Inode>) => void;

export interface Disk {
  read(path: string): StateFile | undefined;
  create(path: string, text: string, mode?: number): void;
  sync(path: string): void;
  rename(from: string, to: string): void;
  syncFolder(path: string): void;
  remove(path: string): void;
  tighten(path: string): void;
  /** The names in a folder. */
  list(folder: string): readonly string[];
  /** The text that a path could have after a power cut now, each of them; undefined: it would be gone. */
  survivors(path: string): readonly (string | undefined)[];
  cutPower(random: Random): void;
  /** As an image is baked: all that is there, and durable. */
  copy(): Disk;
}

export function diskError(code: string, path: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: simulated, '${path}'`), { code, path, errno: -1 });
}

export function createDisk(files: ReadonlyMap<string, string> = new Map()): Disk {
  const durable = new Map<string, Inode>();
  for (const [path, text] of files) durable.set(path, { text, mode: 0o600, synced: text });
  let names = new Map(durable);
  let pending: { readonly folder: string; readonly change: Change }[] = [];

  function change(path: string, apply: Change): void {
    apply(names);
    pending.push({ folder: dirname(path), change: apply });
  }

  function inodeAt(path: string): Inode {
    const inode = names.get(path);
    if (inode === undefined) throw diskError('ENOENT', path);
    return inode;
  }

  /** The folder's names after each number of changes that could have reached the platter. */
  function tables(): readonly Map<string, Inode>[] {
    const table = new Map(durable);
    return [
      new Map(table),
      ...pending.map(({ change: apply }) => {
        apply(table);
        return new Map(table);
      }),
    ];
  }

  return {
    read(path) {
      const inode = names.get(path);
      return inode && { text: inode.text, open: (inode.mode & 0o077) !== 0, foreign: false };
    },
    create(path, text, mode = 0o600) {
      if (names.has(path)) throw diskError('EEXIST', path);
      const inode: Inode = { text, mode, synced: undefined };
      change(path, table => void table.set(path, inode));
    },
    sync(path) {
      const inode = names.get(path);
      // A folder of its own is as durable as its names.
      if (inode !== undefined) inode.synced = inode.text;
    },
    rename(from, to) {
      const inode = inodeAt(from);
      change(to, table => {
        table.delete(from);
        table.set(to, inode);
      });
    },
    syncFolder(folder) {
      for (const entry of pending) if (entry.folder === folder) entry.change(durable);
      pending = pending.filter(entry => entry.folder !== folder);
    },
    remove(path) {
      if (names.has(path)) change(path, table => void table.delete(path));
    },
    tighten(path) {
      inodeAt(path).mode = 0o600;
    },
    list: folder => [...names.keys()].filter(path => dirname(path) === folder),
    survivors(path) {
      const texts = tables().flatMap(table => {
        const inode = table.get(path);
        if (inode === undefined) return [undefined];
        return inode.synced === inode.text ? [inode.text] : ['', inode.text];
      });
      return [...new Set(texts)];
    },
    cutPower(random) {
      const possible = tables();
      const survived = possible[random.int(0, possible.length - 1)] ?? durable;
      for (const inode of survived.values()) {
        const torn = inode.text.slice(0, random.int(0, inode.text.length));
        inode.text = inode.synced ?? (random.percent(50) ? inode.text : torn);
        inode.synced = inode.text;
      }
      durable.clear();
      for (const [path, inode] of survived) durable.set(path, inode);
      names = new Map(durable);
      pending = [];
    },
    copy: () => createDisk(new Map([...names].map(([path, { text }]) => [path, text]))),
  };
}
