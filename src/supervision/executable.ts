/** Looks at a worker's program before it is started: what the system would say in one word, said so that it can be put right. */
import { constants, type Stats } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { RunnerError, systemCode } from '../errors.ts';
import { formatComplaint, shebangInterpreter } from './program-format.ts';

/** Enough for a #! line (Linux reads 256 bytes of it) and for the head of a binary. */
const HEAD_BYTES = 512;

/**
 * The path under which the program can be started: the one that was given or, for a bare name, where PATH has it.
 * @throws RunnerError `worker.missing`, `worker.not-executable`
 */
export async function findExecutable(file: string, env: Readonly<Record<string, string>>): Promise<string> {
  const path = isBareName(file) ? await findInPath(file, env.PATH ?? '') : file;
  if (path === undefined) {
    throw missing(
      `the worker program ${file} is in no folder of PATH`,
      'give worker.path as an absolute path',
    );
  }
  const stats = await look(path);
  if (stats.isDirectory())
    throw notExecutable(`the worker program ${path} is a folder`, 'name the program in it');
  if (!stats.isFile()) throw notExecutable(`the worker program ${path} is no regular file`, 'name a program');
  if (process.platform !== 'win32') await checkStartable(path, env);
  return path;
}

function isBareName(file: string): boolean {
  return !file.includes('/') && !(process.platform === 'win32' && /[\\:]/.test(file));
}

async function findInPath(name: string, path: string): Promise<string | undefined> {
  // Windows adds extensions of its own; the system looks there.
  if (process.platform === 'win32') return name;
  for (const folder of path.split(':')) {
    const candidate = folder === '' ? `./${name}` : join(folder, name);
    if (await isStartable(candidate)) return isAbsolute(candidate) ? candidate : `./${candidate}`;
  }
  return undefined;
}

async function isStartable(path: string): Promise<boolean> {
  try {
    if (!(await stat(path)).isFile()) return false;
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function look(path: string): Promise<Stats> {
  try {
    return await stat(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EACCES' || code === 'EPERM') {
      throw notExecutable(
        `the worker program ${path} is in a folder that ${whoWeAre()} may not enter`,
        'give its folders the x permission',
        error,
      );
    }
    throw missing(
      `the worker program ${path} does not exist${code === 'ENOENT' ? '' : ` (${code ?? 'unknown'})`}`,
      'correct worker.path',
      error,
    );
  }
}

async function checkStartable(path: string, env: Readonly<Record<string, string>>): Promise<void> {
  try {
    await access(path, constants.X_OK);
  } catch (error) {
    throw notExecutable(
      `the worker program ${path} may not be executed by ${whoWeAre()}`,
      `chmod +x ${path}`,
      error,
    );
  }
  const head = await readHead(path);
  if (head === undefined) return;
  const complaint = await formatComplaint(head);
  if (complaint !== undefined) {
    throw notExecutable(
      `the worker program ${path} ${complaint}`,
      `name a program built for ${process.platform} on ${process.arch}, or a script with a #! line`,
    );
  }
  const shebang = shebangInterpreter(head);
  if (shebang !== undefined) await checkInterpreter(path, shebang, env);
}

async function checkInterpreter(
  path: string,
  shebang: { readonly interpreter: string; readonly byEnv: string | undefined },
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const { interpreter, byEnv } = shebang;
  const advice =
    interpreter.endsWith('\r') || byEnv?.endsWith('\r')
      ? 'its lines end in CR LF, and the CR counts as part of the name: save it with LF'
      : 'install the interpreter, or correct the #! line';
  if (!(await isStartable(interpreter))) {
    throw notExecutable(
      `the worker program ${path} needs the interpreter ${printable(interpreter)}, which is not there`,
      advice,
    );
  }
  if (byEnv !== undefined && (await findInPath(byEnv, env.PATH ?? '')) === undefined) {
    throw notExecutable(
      `the worker program ${path} needs ${printable(byEnv)}, which is in no folder of PATH`,
      advice,
    );
  }
}

/** The first bytes, or nothing where the program may be executed but not read: then the system has to say. */
async function readHead(path: string): Promise<Buffer | undefined> {
  try {
    await using file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } catch {
    return undefined;
  }
}

function printable(name: string): string {
  return name.replaceAll('\r', '\\r');
}

function whoWeAre(): string {
  const uid = process.geteuid?.();
  return uid === undefined ? 'this user' : `this user (uid ${uid})`;
}

function missing(message: string, advice: string, cause?: unknown): RunnerError {
  return new RunnerError('worker.missing', message, { exit: 'workerStart', advice, cause });
}

function notExecutable(message: string, advice: string, cause?: unknown): RunnerError {
  return new RunnerError('worker.not-executable', message, { exit: 'workerStart', advice, cause });
}
