/** Step 5: from the sources to what the worker gets. Everything here is a pure function of the run. */
import type { FileToWrite } from '../files/files.ts';
import type { JsonObject } from '../json.ts';
import type { ConfigSource, Run } from '../model.ts';
import type { Worker } from '../workers/worker.ts';
import { mergeSources, type MergedConfig } from './merge.ts';

export interface Rendered extends MergedConfig {
  /** The worker's config file: strict JSON, which is YAML too. */
  readonly text: string;
}

/**
 * Merges the sources, with the implementation's own keys as the last of them.
 * @throws RunnerError as Worker.configure does
 */
export function render(worker: Worker, run: Run): Rendered {
  const own: ConfigSource = { name: worker.name, config: worker.configure(run), files: [], secret: false };
  const merged = mergeSources([...run.sources, own]);
  return { ...merged, text: fileText(merged.config) };
}

export function fileText(config: JsonObject): string {
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** The files of all sources, in their order. */
export function filesToWrite(sources: readonly ConfigSource[]): readonly FileToWrite[] {
  return sources.flatMap(({ name, files, secret }) => files.map(entry => ({ entry, source: name, secret })));
}
