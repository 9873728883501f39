/**
 * Makes src/generated/ from schemas/: one TypeScript type per schema, one module with all validators, compiled ahead of
 * time so that no schema compiler runs (or is bundled) at boot, and the schemas of the runner config in one file; and the
 * status page from src/status/page/. Run by `npm run generate`.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Ajv } from 'ajv';
import standaloneModule from 'ajv/dist/standalone/index.js';
import { compile } from 'json-schema-to-typescript';
import { writeStatusPage } from './status-page.ts';

const standaloneCode = standaloneModule.default;
const root = join(import.meta.dirname, '..');
const schemaFolder = join(root, 'schemas');
const generated = join(root, 'src', 'generated');
/** Made beside and then moved, so that a mistake in one schema leaves the old files in place. */
const target = `${generated}.new`;

function pascal(name: string): string {
  return name.replace(/(^|-)([a-z0-9])/g, (_, __, letter: string) => letter.toUpperCase());
}

interface NamedSchema {
  readonly name: string;
  readonly schema: Record<string, unknown>;
}

async function readSchemas(): Promise<NamedSchema[]> {
  const files = (await readdir(schemaFolder)).filter(file => file.endsWith('.json')).sort();
  return Promise.all(
    files.map(async file => ({
      name: basename(file, '.json'),
      schema: JSON.parse(await readFile(join(schemaFolder, file), 'utf8')) as Record<string, unknown>,
    })),
  );
}

/** Every schema's $id is its file name, so that `$ref: "files.json"` works in editors and here alike. */
async function writeValidators(schemas: readonly NamedSchema[]): Promise<void> {
  const ajv = new Ajv({
    allErrors: true,
    verbose: false,
    strict: true,
    strictRequired: false,
    allowUnionTypes: true,
    discriminator: true,
    code: { source: true, esm: true, lines: true },
  });
  const exported: Record<string, string> = {};
  for (const { name, schema } of schemas) {
    if (schema.$id !== `${name}.json`)
      throw new Error(`schemas/${name}.json: its $id must be "${name}.json"`);
    if (schema.title !== pascal(name))
      throw new Error(`schemas/${name}.json: its title must be "${pascal(name)}"`);
    ajv.addSchema(schema);
    exported[`validate${pascal(name)}`] = `${name}.json`;
  }
  const code = standaloneCode(ajv, exported);
  // The standalone code still requires two helpers of ajv; as ES module it must import them.
  const imports: string[] = [];
  const body = code.replace(
    /const (\w+) = require\("([^"]+)"\)(\.\w+)?;/g,
    (_, id: string, from: string, member?: string) => {
      imports.push(`import ${id}$module from '${from}.js';`);
      return `const ${id} = ${id}$module${member ?? ''};`;
    },
  );
  await writeFile(
    join(target, 'validators.js'),
    `// Generated from schemas/ by tools/generate.ts.\n${imports.join('\n')}\n${body}`,
  );
  const declarations = Object.keys(exported).map(
    name => `export const ${name}: Validator<types.${name.slice('validate'.length)}>;`,
  );
  await writeFile(
    join(target, 'validators.d.ts'),
    [
      '// Generated from schemas/ by tools/generate.ts.',
      "import type * as types from './types.ts';",
      "import type { Validator } from '../validator.ts';",
      ...declarations,
      '',
    ].join('\n'),
  );
}

/** All schemas are compiled as one, so that a part that several of them refer to is declared once. */
async function writeTypes(schemas: readonly NamedSchema[]): Promise<void> {
  const whole = {
    title: 'AllSchemas',
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(schemas.map(({ name }) => [pascal(name), { $ref: `${name}.json` }])),
  };
  const types = await compile(whole as never, 'AllSchemas', {
    cwd: `${schemaFolder}/`,
    bannerComment: '// Generated from schemas/ by tools/generate.ts.',
    additionalProperties: false,
    unknownAny: true,
    format: false,
  });
  await writeFile(join(target, 'types.ts'), types);
}

/** The schemas that the runner config is made of, by file name: the runner looks into them for defaults and for words. */
async function writeConfigSchemas(schemas: readonly NamedSchema[]): Promise<void> {
  const byFile = new Map(schemas.map(({ name, schema }) => [`${name}.json`, schema]));
  const found: Record<string, unknown> = {};
  const open = ['runner-config.json'];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (Object.hasOwn(found, file)) continue;
    found[file] = byFile.get(file);
    const references = JSON.stringify(found[file]).matchAll(/"\$ref":"([^"#]+)/g);
    open.push(...[...references].map(([, reference = '']) => reference));
  }
  await writeFile(join(target, 'config-schemas.json'), JSON.stringify(found, null, 2));
}

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
const schemas = await readSchemas();
await writeTypes(schemas);
await writeValidators(schemas);
await writeConfigSchemas(schemas);
await writeStatusPage(target);
await rm(generated, { recursive: true, force: true });
await rename(target, generated);
