import { isJsonObject, type JsonObject } from '../json.ts';
import { RunnerError } from '../errors.ts';
import { looksSecret } from '../secret-keys.ts';
import { toRunnerConfig } from './convert.ts';
import { idleSettings } from './idle-settings.ts';
import { mistakesError, placed, type Mistake } from './mistakes.ts';
import { keepPrivate } from './tighten.ts';
import { withConfigFile } from './read-file.ts';
import type { RunnerConfig } from './runner-config.ts';
import { validate, type Validated } from './validate.ts';
import { parseYaml } from './yaml.ts';

export interface LoadedConfig {
  readonly config: RunnerConfig;
  /** For the log, once there is one. */
  readonly warnings: readonly string[];
}

export interface LoadOptions {
  /** Look only: leave the file's permissions as they are. */
  readonly checkOnly?: boolean;
}

/** What a template may leave without a value: then it counts as absent, as in the reference. */
const MAY_BE_EMPTY = [
  ...['workerConfig', 'logging', 'cacheOverRestarts', 'network', 'limits', 'lifecycle'],
  ...['metadata', 'interruptions', 'renewal', 'status'],
];
const MAY_BE_EMPTY_IN_PROVIDER = ['providerMetadata', 'workerLocation'];

/**
 * Reads and checks a runner config (YAML or JSON). A file with a secret in it is taken away from other users, with a
 * warning, unless `checkOnly` is set.
 * @throws RunnerError `config.*` with exit `config`: `config.syntax` and `config.invalid` tell every mistake as
 * `path:line:column: …`, a single one as the message itself, several as its details; none holds a secret value.
 */
export async function loadRunnerConfig(path: string, options: LoadOptions = {}): Promise<LoadedConfig> {
  return withConfigFile(path, async (text, descriptor) => {
    const parsed = await parseYaml(text);
    if (parsed.kind === 'empty') throw emptyError(path);
    if (parsed.kind === 'broken') throw mistakesError('config.syntax', path, text, parsed.mistakes);
    const validated = validate(withoutEmptySections(parsed.value), path, parsed.places);
    const mistakes = [...parsed.mistakes, ...newMistakes(validated, parsed.mistakes)];
    if (validated.kind === 'invalid' || mistakes.length > 0) {
      throw mistakesError('config.invalid', path, text, mistakes);
    }
    // A file that nothing is started with is left alone: its owner is about to edit it.
    const opened = holdsSecret(validated.file.provider)
      ? keepPrivate(path, descriptor, options.checkOnly === true)
      : undefined;
    const idle = placed(path, text, idleSettings(validated.file, parsed.places));
    return {
      config: toRunnerConfig(path, validated.file),
      warnings: opened === undefined ? idle : [opened, ...idle],
    };
  });
}

function emptyError(path: string): RunnerError {
  return new RunnerError(
    'config.empty',
    `${path}: it is empty; a runner config has at least provider and worker`,
    {
      exit: 'config',
    },
  );
}

/** What validation has to say about places that the parser has not yet found wrong. */
function newMistakes(validated: Validated, known: readonly Mistake[]): readonly Mistake[] {
  if (validated.kind === 'valid') return [];
  const told = new Set(known.map(({ offset }) => offset));
  return validated.mistakes.filter(({ offset }) => !told.has(offset));
}

/** By the looks of its keys, so that the secret of a provider that is added one day is covered by itself. */
export function holdsSecret(provider: object): boolean {
  return Object.entries(provider).some(([key, value]) => typeof value === 'string' && looksSecret(key));
}

function withoutEmptySections(whole: unknown): unknown {
  if (!isJsonObject(whole)) return whole;
  const config = withoutNulls(whole, MAY_BE_EMPTY);
  const { provider } = config;
  return isJsonObject(provider)
    ? { ...config, provider: withoutNulls(provider, MAY_BE_EMPTY_IN_PROVIDER) }
    : config;
}

function withoutNulls(object: JsonObject, keys: readonly string[]): JsonObject {
  return Object.fromEntries(
    Object.entries(object).filter(([key, value]) => value !== null || !keys.includes(key)),
  );
}
