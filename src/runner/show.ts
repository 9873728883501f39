/**
 * What the dummy worker prints: the state of the run as YAML, for the person who debugs a configuration. Behind each key
 * of workerConfig stands which source set it; no secret is shown.
 */
import { Document, isCollection, isMap, isScalar } from 'yaml';
import type { RunnerConfig } from '../config/runner-config.ts';
import { isJsonObject, visitStrings, type JsonObject, type JsonValue } from '../json.ts';
import type { ConfigSource, Run } from '../model.ts';
import { HIDDEN, looksSecret, MIN_SECRET_LENGTH } from '../secret-keys.ts';
import type { Origins } from './merge.ts';
import { fileText, type Rendered } from './render.ts';
import type { World } from './world.ts';

/** Marks the comments that belong behind their key; the yaml package can only put them on the next line. */
const BEHIND_KEY = '\u0001';

/** Prints the state to stdout. Resolves once it was taken, or could not be (a closed pipe). */
export async function show(run: Run, rendered: Rendered, config: RunnerConfig, world: World): Promise<void> {
  const secretStrings = stringsOfSecrets(run.sources);
  // Shorter ones are hidden where they came from, but not sought inside other texts.
  for (const text of secretStrings) if (text.length >= MIN_SECRET_LENGTH) world.redactor.add(text);
  const redact = (text: string) => world.redactor.redact(text);
  const hidden = hideSecrets(rendered.config, { secretStrings, redact, inSecretKey: false }) as JsonObject;

  const document = new Document(stateOf(run, hidden, config));
  document.commentBefore = ' What start-worker knows of this run; secret values are hidden.';
  addOrigins(document.get('workerConfig'), rendered.origins);
  const text = document.toString({ lineWidth: 0 }).replace(new RegExp(`:\\n *#${BEHIND_KEY}`, 'g'), ': #');
  await write(redact(text), world);
}

function stateOf(run: Run, workerConfig: JsonObject, config: RunnerConfig): JsonObject {
  const { credentials, credentialsExpireAt } = run.registered;
  const { worker } = config;
  return {
    provider: config.provider.providerType,
    identity: { ...run.identified.identity },
    location: run.identified.location,
    metadata: run.identified.metadata,
    credentials: {
      clientId: credentials.clientId,
      accessToken: HIDDEN,
      ...(credentials.certificate === undefined ? {} : { certificate: HIDDEN }),
      ...(credentialsExpireAt === undefined ? {} : { expires: credentialsExpireAt.toISOString() }),
    },
    workerConfig,
    files: run.sources.flatMap(source =>
      source.files.map(({ path, format, description, content }) => ({
        path,
        format,
        ...(description === undefined ? {} : { description }),
        source: source.name,
        // Of a zip this is the archive's size.
        bytes: Buffer.byteLength(content, 'base64'),
      })),
    ),
    ...(worker.implementation === 'dummy' && worker.as !== undefined
      ? {
          configFile: {
            ...(worker.configPath === undefined ? {} : { path: worker.configPath }),
            content: fileText(workerConfig),
          },
        }
      : {}),
  };
}

function stringsOfSecrets(sources: readonly ConfigSource[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const source of sources) if (source.secret) visitStrings(source.config, text => found.add(text));
  return found;
}

interface Hiding {
  readonly secretStrings: ReadonlySet<string>;
  redact(text: string): string;
  /** Below a key that looks secret every text and number is hidden, wherever it came from. */
  readonly inSecretKey: boolean;
}

function hideSecrets(value: JsonValue, hiding: Hiding): JsonValue {
  if (typeof value === 'string') {
    return value !== '' && (hiding.inSecretKey || hiding.secretStrings.has(value))
      ? HIDDEN
      : hiding.redact(value);
  }
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map(item => hideSecrets(item, hiding));
  if (typeof value === 'number' && hiding.inSecretKey) return HIDDEN;
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      hideSecrets(item, { ...hiding, inSecretKey: hiding.inSecretKey || looksSecret(key) }),
    ]),
  );
}

/** Puts the names of the sources behind each key of a mapping, recursively. */
function addOrigins(node: unknown, origins: Origins): void {
  if (!isMap(node)) return;
  for (const pair of node.items) {
    const origin = origins.get(isScalar(pair.key) ? String(pair.key.value) : '');
    if (origin === undefined) continue;
    const comment = ` ${origin.sources.join(', ')}`;
    const { value } = pair;
    if (isCollection(value) && value.items.length > 0) value.commentBefore = `${BEHIND_KEY}${comment}`;
    else if (isCollection(value) || isScalar(value)) value.comment = comment;
    addOrigins(value, origin.keys);
  }
}

/** A reader that went away ends the printing, not the run. */
function write(text: string, world: World): Promise<void> {
  return new Promise(resolve => {
    world.stdout.once('error', error => {
      world.log.warn(`stdout did not take the state: ${error.message}`);
      resolve();
    });
    world.stdout.write(text, () => resolve());
  });
}
