/** The shapes in which worker configuration arrives, and what each of them means (facts: merge rule). */
import { RunnerError } from '../errors.ts';
import { readFileEntries } from '../files/entries.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import type { ConfigSource } from '../model.ts';

/** The only keys of configuration in the present form. */
const CONFIG_KEYS: readonly string[] = ['config', 'files'];

/** The `workerConfig` of the runner config: plain configuration, no files. */
export function runnerConfigSource(workerConfig: JsonObject): ConfigSource {
  return plainSource('runner config', workerConfig, false);
}

/**
 * What the worker pool's definition says: `{<configKey>: {config, files}}`, or the deprecated form, in which the whole
 * object is the configuration. It is the present form when the configKey is its only key.
 * @param configKey the worker implementation in camel case, such as `genericWorker`
 * @param warn told of keys that are in the wrong place: no error, since pools of the reference live with them
 * @throws RunnerError `source.shape` or `files.entry` (exit badSource) for a wrong shape
 */
export function providerSource(
  providerConfig: JsonObject,
  configKey: string,
  warn: (message: string) => void,
): ConfigSource {
  const name = 'provider';
  const isPresentForm = Object.hasOwn(providerConfig, configKey) && Object.keys(providerConfig).length === 1;
  if (!isPresentForm) return plainSource(name, providerConfig, false);
  const section = objectOrNothing(providerConfig[configKey], name, configKey);
  const ignored = Object.keys(section).filter(key => !CONFIG_KEYS.includes(key));
  if (ignored.length > 0) {
    warn(
      `${name}: ${configKey} has keys that are ignored: ${ignored.join(', ')}; configuration of the worker belongs into ${configKey}.config`,
    );
  }
  return nestedSource(name, section, `${configKey}.`, false);
}

/**
 * What a secret says: `{config, files}`, or the older form, in which the whole secret is configuration. It is the
 * present form when it has no other keys.
 * @param name the secret's name, such as `worker-pool:a/b`
 * @throws RunnerError `source.*` or `files.entry` (exit badSource) for a wrong shape
 */
export function secretSource(name: string, secret: JsonObject): ConfigSource {
  const source = `secret ${name}`;
  const isPresentForm = Object.keys(secret).every(key => CONFIG_KEYS.includes(key));
  return isPresentForm ? nestedSource(source, secret, '', true) : plainSource(source, secret, true);
}

/** What the reference kept for a restart: its finished rendering, secrets and all. */
export function finishedSource(config: JsonObject): ConfigSource {
  return plainSource("the reference's cache", config, true);
}

function plainSource(name: string, config: JsonObject, secret: boolean): ConfigSource {
  return { name, config, files: [], secret };
}

function nestedSource(name: string, section: JsonObject, prefix: string, secret: boolean): ConfigSource {
  return {
    name,
    config: objectOrNothing(section.config, name, `${prefix}config`),
    files: readFileEntries(section.files, name),
    secret,
  };
}

/** An empty YAML section is null: it counts as absent. */
function objectOrNothing(value: JsonValue | undefined, source: string, key: string): JsonObject {
  if (value === undefined || value === null) return {};
  if (isJsonObject(value)) return value;
  throw new RunnerError('source.shape', `${source}: ${key} must be an object, but is ${kindOf(value)}`, {
    exit: 'badSource',
    advice: `write it as a mapping of keys in the definition of the ${source === 'provider' ? 'worker pool' : 'secret'}`,
  });
}

/** The kind of a value: never the value itself, which may be secret. */
function kindOf(value: JsonValue): string {
  if (Array.isArray(value)) return 'an array';
  return `a ${typeof value}`;
}
