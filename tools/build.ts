/**
 * Makes dist/ from src/. Each program becomes one CommonJS bundle behind a small launcher; the protocol library becomes
 * an ES module with types. Why CommonJS: in an ES module bundle, `node:https` costs 75 ms more (docs/architecture.md).
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build, type BuildOptions } from 'esbuild';
import { LATE_FOLDER, lateEntryPoints, lateLibraries } from './late-libraries.ts';
import { lazyFsPromises } from './lazy-fs-promises.ts';
import { slimTaskclusterClient } from './slim-taskcluster-client.ts';
import { slimNodeFetch } from './slim-node-fetch.ts';
import { slimWinston } from './slim-winston.ts';
import { warmUp } from './warm-up.ts';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
const PROGRAMS = ['start-worker', 'simulate-cloud'];

const common: BuildOptions = {
  bundle: true,
  platform: 'node',
  target: 'node22.18',
  absWorkingDir: root,
  legalComments: 'none',
  logLevel: 'warning',
  // Names stay: a stack in a log at three in the morning must mean something.
  minifyWhitespace: true,
  minifySyntax: true,
  // require() is there at once; import() would start Node's loader of ES modules.
  supported: { 'dynamic-import': false },
};

async function buildProgram(name: string): Promise<readonly string[]> {
  const result = await build({
    ...common,
    entryPoints: [`src/bin/${name}.ts`],
    outfile: join(dist, `${name}-main.cjs`),
    format: 'cjs',
    metafile: true,
    plugins: [lateLibraries(), lazyFsPromises(), slimWinston()],
  });
  const launcher = await readFile(join(root, 'tools', 'launcher.cjs'), 'utf8');
  const file = join(dist, `${name}.cjs`);
  await writeFile(file, launcher.replaceAll('@program@', name));
  await chmod(file, 0o755);
  return Object.keys(result.metafile.inputs);
}

async function buildLateLibraries(): Promise<readonly string[]> {
  const result = await build({
    ...common,
    entryPoints: lateEntryPoints(),
    outdir: join(dist, LATE_FOLDER),
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    metafile: true,
    plugins: [slimTaskclusterClient(), slimNodeFetch()],
  });
  return Object.keys(result.metafile.inputs);
}

async function buildProtocolLibrary(): Promise<void> {
  await build({
    ...common,
    entryPoints: ['src/protocol/index.ts'],
    outfile: join(dist, 'protocol.js'),
    format: 'esm',
    // A worker runs on whatever Node its machine has.
    target: 'node18',
    minifyWhitespace: false,
  });
  await promisify(execFile)(process.execPath, [
    join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
    '--project',
    join(root, 'tools', 'tsconfig.types.json'),
  ]);
}

/** The licenses of what is bundled ask to travel with it. */
async function writeLicenses(inputs: readonly string[]): Promise<void> {
  const packages = new Set(
    inputs
      .map(input => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1])
      .filter(name => name !== undefined),
  );
  const parts: string[] = [];
  for (const name of [...packages].sort()) {
    const folder = join(root, 'node_modules', name);
    const { version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Record<
      string,
      string
    >;
    parts.push(
      `${name} ${version ?? ''} (${license ?? 'see its repository'})\n\n${await licenseText(folder)}`,
    );
  }
  await writeFile(join(dist, 'THIRD-PARTY-LICENSES.txt'), parts.join(`\n${'-'.repeat(78)}\n\n`));
}

async function licenseText(folder: string): Promise<string> {
  for (const name of [
    'LICENSE',
    'LICENSE.md',
    'license',
    'LICENSE.txt',
    'license.md',
    'License',
    'LICENCE',
    'MIT-LICENSE.txt',
  ]) {
    try {
      return await readFile(join(folder, name), 'utf8');
    } catch {
      // Not under this name.
    }
  }
  return '(the package carries no license text)\n';
}

await rm(dist, { recursive: true, force: true });
await mkdir(dist);
const inputs = await Promise.all([...PROGRAMS.map(buildProgram), buildLateLibraries()]);
await Promise.all([writeLicenses(inputs.flat()), buildProtocolLibrary()]);
await warmUp(dist);
