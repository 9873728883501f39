/** Writes docs/configuration.md from schemas/; with --check it only says whether the page is up to date. */
import files from '../schemas/files.json' with { type: 'json' };
import {
  choices,
  choosingKey,
  partOf,
  topSchema,
  valueKind,
  valuePhrase,
  type Schema,
} from '../src/config/schemas.ts';
import { writeOrCheckPage } from './generated-page.ts';

const INTRODUCTION = `# The runner config

<!-- Generated from schemas/ by tools/config-docs.ts: do not edit. -->

\`start-worker runner.yml\` reads one file, in YAML or JSON. \`start-worker --check runner.yml\` looks at it without changing
or starting anything. Example files are in [deployment/examples](../deployment/examples). Editors complete and check the
file when its first line names the schema (in JSON: a key \`$schema\`):

    # yaml-language-server: $schema=<where you cloned worker-runner>/schemas/runner-config.json

All mistakes are told at once, each as \`file:line:column: what is wrong; what was found; what is allowed\`. Unknown keys are
mistakes everywhere except inside \`workerConfig\`, \`providerMetadata\` and \`workerLocation\`. An empty section
(\`workerConfig:\` with nothing behind it) counts as absent, and so does an empty \`cacheOverRestarts:\`. A setting
that does nothing with the chosen provider is a warning.

## The file

- A regular file of at most 1 MiB in UTF-8, with or without byte-order mark, with Unix or DOS line ends. A symbolic link is followed
  when it belongs to root or to the user that runs start-worker.
- A file whose \`provider\` has a key that looks secret (\`staticSecret\`, \`accessToken\`) and that others than its owner may
  read is changed to its owner's alone, with a warning; where that cannot be done, the warning says so and the run goes on.

## YAML rules

- YAML 1.2 with anchors, aliases and merge keys (\`<<: *name\`, \`<<: [*one, *other]\`). One document in a file.
- \`yes\`, \`no\`, \`on\` and \`off\` are texts: write \`true\` or \`false\`. Dates are texts too.
- Refused, since other readers of YAML take them for something else: unquoted numbers that begin with 0 (\`0777\`), octal and
  binary numbers (\`0o17\`, \`0b11\`), numbers with \`_\` (\`1_000\`), numbers with colons (\`12:30:45\`), and numbers
  that a double cannot hold (\`9007199254740993\`, \`1.23456789012345678901\`, \`1e400\`). Put them in quotes if they are text.
- Refused as well: a key twice in one mapping, lists or mappings as keys, the key \`__proto__\`, tags such as \`!!binary\`,
  \`.inf\` and \`.nan\`. Keys that are numbers or \`true\` become text as they stand.
- At most 100 levels deep and 100,000 values, aliases followed.

## Secret values

Messages never show a line of the file. Of a value at or below a key that looks secret they tell only its kind, and such a
text of 8 characters and more is kept out of the logs. A key looks secret, whatever its spelling (\`accessToken\`, \`access_token\`, \`ACCESS-TOKEN\`):

- when it holds one of: secret, token, password, passwd, passphrase, credential, certificate, authorization, connection
  string, or one of api, private, access, signing, encryption, account, shared, ssh, deploy followed by key;
- when its last word is one of: auth, bearer, cookie, jwt, pwd, pat, sas;
- but not when its last word says that the value is only about a secret (path, file, folder, location, url, name, id, type,
  expires, scopes, size, version and the like: \`secretsPath\`, \`tokenUrl\`), and not when it begins with get, has, is,
  enable, disable or allow (\`getSecrets\`).

## Durations and sizes

A duration is a whole number and a unit: \`ms\`, \`s\`, \`m\`, \`h\`, \`d\` (\`500ms\`, \`30s\`, \`36h\`), at most 24d. A size is a whole
number above 0 and a unit: \`B\`, \`KiB\`, \`MiB\`, \`GiB\` (powers of 1024) or \`KB\`, \`MB\`, \`GB\` (powers of 1000). A bare
number is refused with the spelling that was probably meant.
`;

function code(value: unknown): string {
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function kindOf(schema: Schema): string {
  const kind = valueKind(schema);
  if (kind === 'duration' || kind === 'size' || kind === 'path' || kind === 'file') return kind;
  if (kind !== undefined) return `text: ${valuePhrase(kind)}`;
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(code).join(' or ');
  if (schema.type === 'string') return 'text';
  if (schema.type === 'object') return 'mapping';
  if (schema.type === 'boolean') return 'true or false';
  if (schema.type === 'integer') return 'whole number';
  if (Array.isArray(schema.type)) return 'text or list of texts';
  return 'any';
}

function defaultText(key: string, schema: Schema, property: Schema): string {
  if (schema.required?.includes(key) === true) return 'required';
  return property.default === undefined ? '–' : code(property.default);
}

/** A key, or the keys of a small mapping behind it: `onFailure.action`. */
function rowsOf(
  key: string,
  schema: Schema,
  property: Schema,
): readonly (readonly [string, Schema, Schema])[] {
  if (property.properties === undefined || property.patternProperties !== undefined) {
    return [[key, schema, property]];
  }
  const usual = property.default as Readonly<Record<string, unknown>> | undefined;
  return Object.entries(property.properties).map(([inner, value]) => [
    `${key}.${inner}`,
    property,
    usual?.[inner] === undefined ? value : { ...value, default: usual[inner] },
  ]);
}

function meaning(property: Schema): string {
  const [example] = property.examples ?? [];
  const text = property.description ?? '';
  return example === undefined ? text : `${text} Example: ${code(example)}`;
}

/** The keys of a mapping as a table. */
function table(schema: Schema, properties = Object.entries(schema.properties ?? {})): string {
  const rows = properties
    .flatMap(([key, property]) => rowsOf(key, schema, property))
    .map(([key, around, property]) => [
      code(key),
      kindOf(property),
      defaultText(key, around, property),
      meaning(property),
    ]);
  return [['Key', 'Value', 'Default', 'Meaning'], ['---', '---', '---', '---'], ...rows]
    .map(cells => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
}

/** A section whose keys depend on a type: one table for each type. */
function choiceSection(name: string, schema: Schema): string {
  const key = choosingKey(name) ?? '';
  const parts = [...choices(name)].map(
    ([choice, part]) =>
      `### ${name}, ${code(`${key}: ${choice}`)}\n\n${part.description ?? ''}\n\n${table(part)}`,
  );
  const usual = schema.default === undefined ? '' : ` Default: ${code(schema.default)}.`;
  return [`## ${name}\n\n${schema.description ?? ''}${usual}`, ...parts].join('\n\n');
}

function plainSection(name: string, schema: Schema): string {
  return `## ${name}\n\n${schema.description ?? ''} Every key may be left out.\n\n${table(schema)}`;
}

function sections(): string[] {
  return Object.entries(topSchema.properties ?? {}).flatMap(([name, property]) => {
    if (choosingKey(name) !== undefined) return [choiceSection(name, property)];
    const part = partOf(name);
    return part?.properties === undefined ? [] : [plainSection(name, part)];
  });
}

function topTable(): string {
  const entries = Object.entries(topSchema.properties ?? {}).map(([key, property]): [string, Schema] => {
    const part = partOf(key) ?? property;
    return [key, { ...property, description: part.description ?? '', type: part.type ?? 'object' }];
  });
  return `## Keys at the top\n\n${table(topSchema, entries)}`;
}

function filesSection(): string {
  const entry: Schema = files.items;
  return `## files

Not a key of the runner config: entries of \`files\` come from the worker pool's configuration
(\`<workerImplementation>.files\`) and from secrets. ${files.description}

${table(entry)}`;
}

const text = `${[INTRODUCTION.trimEnd(), topTable(), ...sections(), filesSection()].join('\n\n')}\n`;

await writeOrCheckPage('configuration.md', text, 'schemas/');
