/** Files that a run writes must be files of their own: one would destroy the other. */
import { dirname, resolve } from 'node:path';
import type { Mistake } from './mistakes.ts';
import { pointerTo, valueOffset, type Places } from './places.ts';
import { valueAt } from './value-at.ts';

interface NamedFile {
  readonly name: string;
  readonly file: string;
}

/** @param configPath the runner config's own path, which cacheOverRestarts is relative to */
export function sameFiles(config: unknown, configPath: string, places: Places): Mistake[] {
  const known: NamedFile[] = [{ name: 'the runner config itself', file: resolve(configPath) }];
  const written = [
    { segments: ['worker', 'configPath'], folder: '.' },
    { segments: ['logging', 'path'], folder: '.' },
    { segments: ['cacheOverRestarts'], folder: dirname(configPath) },
  ];
  return written.flatMap(({ segments, folder }) => {
    const path = valueAt(config, segments);
    if (typeof path !== 'string' || path.trim() === '') return [];
    const [name, file] = [segments.join('.'), resolve(folder, path)];
    const other = known.find(one => one.file === file);
    known.push({ name, file });
    if (other === undefined) return [];
    const offset = valueOffset(places, segments.reduce<string>(pointerTo, ''));
    return [{ offset, text: `${name} must be a file of its own: it names ${other.name}` }];
  });
}
