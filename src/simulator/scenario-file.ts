/** Reads a scenario from its file. */
import { readFile, stat } from 'node:fs/promises';
import { mistakesError, type Mistake } from '../config/mistakes.ts';
import { keyOffset, pointerSegments, type Places } from '../config/places.ts';
import { parseYaml } from '../config/yaml.ts';
import { messageOf, RunnerError, systemCode } from '../errors.ts';
import { scenarioMistakes, type ScenarioInput, type ScenarioMistake } from './scenario.ts';

/** Secrets with files in them may be large; more than this is no scenario. */
const MOST_BYTES = 64 * 1024 * 1024;

/**
 * @throws RunnerError with exit `config`: the file cannot be read, is not YAML, or is no scenario; each mistake with
 *   its file:line:column
 */
export async function readScenarioFile(path: string): Promise<ScenarioInput> {
  const text = await readText(path);
  const parsed = await parseYaml(text);
  if (parsed.kind === 'broken') throw mistakesError('config.syntax', path, text, parsed.mistakes);
  if (parsed.kind === 'empty') return {};
  const { value, places } = parsed;
  const mistakes = [...parsed.mistakes, ...scenarioMistakes(value).map(mistake => located(places, mistake))];
  if (mistakes.length > 0) throw mistakesError('config.invalid', path, text, mistakes);
  return value as ScenarioInput;
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await requireFile(path);
    if (size > MOST_BYTES) throw new Error('it is far too large');
    return await readFile(path, 'utf8');
  } catch (error) {
    const reason = systemCode(error) === 'ENOENT' ? 'there is no such file' : messageOf(error);
    throw new RunnerError('scenario.unreadable', `the scenario ${path} cannot be read: ${reason}`, {
      exit: 'config',
    });
  }
}

/** A FIFO would keep us waiting for a writer. */
async function requireFile(path: string): Promise<{ readonly size: number }> {
  const found = await stat(path);
  if (!found.isFile()) throw new Error(found.isDirectory() ? 'it is a folder' : 'it is not a regular file');
  return found;
}

function located(places: Places, { pointer, text }: ScenarioMistake): Mistake {
  return { offset: keyOffset(places, pointer), text: mistakeText(pointer, text) };
}

/** `secrets.worker-pool:a/b: must be …` */
export function mistakeText(pointer: string, text: string): string {
  return pointer === '' ? `the scenario ${text}` : `${pointerSegments(pointer).join('.')}: ${text}`;
}
