/** Pages of docs/ that are made from something else. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const docs = join(import.meta.dirname, '..', 'docs');

/**
 * Writes a page, or, where the command line says `--check`, only says whether it is up to date: by the exit code, and on
 * stderr.
 * @param source what the page is made from, in words
 */
export async function writeOrCheckPage(name: string, text: string, source: string): Promise<void> {
  const page = join(docs, name);
  if (!process.argv.includes('--check')) return writeFile(page, text);
  const found = await readFile(page, 'utf8').catch(() => '');
  if (found === text) return;
  process.stderr.write(`docs/${name} is not what ${source} says: run \`npm run format\`\n`);
  process.exitCode = 1;
}
