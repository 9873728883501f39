/** What the first bytes of a program say about how, and whether, this system can run it. */
import { readdir } from 'node:fs/promises';

/** ELF's e_machine for what Node calls `process.arch`, and for what that processor runs besides. */
const ELF_MACHINES: Readonly<Record<string, readonly number[]>> = {
  x64: [62, 3],
  ia32: [3],
  arm64: [183, 40],
  arm: [40],
  riscv64: [243],
  ppc64: [21],
  s390x: [22],
  loong64: [258],
};

const ELF_MAGIC = 0x7f454c46;
/** Mach-O: 32 and 64 bits in both byte orders, and the universal format. */
const MACH_O_MAGICS = [0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe, 0xcafebabe];

/**
 * Why the system would refuse to run a program that begins like this, or nothing. Asked beforehand because the C
 * library hands a file that the system refuses to /bin/sh, which then reads the bytes of a binary as commands.
 */
export async function formatComplaint(head: Buffer): Promise<string | undefined> {
  if (head.length === 0) return 'is empty';
  if (head.toString('latin1', 0, 2) === '#!') return undefined;
  const complaint = foreignFormat(head);
  // An emulator (qemu, wine, a Java loader) may be registered for it.
  return complaint !== undefined && (await hasBinaryHandlers()) ? undefined : complaint;
}

function foreignFormat(head: Buffer): string | undefined {
  const magic = head.length < 4 ? 0 : head.readUInt32BE(0);
  if (magic === ELF_MAGIC)
    return process.platform === 'darwin' ? 'is not for this system (ELF)' : foreignElf(head);
  if (MACH_O_MAGICS.includes(magic))
    return process.platform === 'darwin' ? undefined : 'is a program for macOS';
  if (head.toString('latin1', 0, 2) === 'MZ') return 'is a program for Windows';
  return 'is neither a program nor a script with a #! line';
}

function foreignElf(head: Buffer): string | undefined {
  const known = ELF_MACHINES[process.arch];
  if (known === undefined || head.length < 20) return undefined;
  const bigEndian = head[5] === 2;
  const machine = bigEndian ? head.readUInt16BE(18) : head.readUInt16LE(18);
  return known.includes(machine) ? undefined : `is built for another processor (this one is ${process.arch})`;
}

/** https://docs.kernel.org/admin-guide/binfmt-misc.html */
async function hasBinaryHandlers(): Promise<boolean> {
  try {
    const names = await readdir('/proc/sys/fs/binfmt_misc');
    return names.some(name => name !== 'register' && name !== 'status');
  } catch {
    return false;
  }
}

export interface Shebang {
  readonly interpreter: string;
  /** For `#!/usr/bin/env name`: the name that env looks for in PATH. */
  readonly byEnv: string | undefined;
}

/** The interpreter that a script's first line names, as the system reads it: a CR before the newline belongs to the name. */
export function shebangInterpreter(head: Buffer): Shebang | undefined {
  const line = /^#![ \t]*([^ \t\n]+)[ \t]*([^\n]*)/.exec(head.toString('utf8'));
  const interpreter = line?.[1];
  if (interpreter === undefined) return undefined;
  const argument = line?.[2]?.replace(/[ \t]+$/, '') ?? '';
  // Options of env (-S) have a grammar of their own.
  const byEnv =
    interpreter.endsWith('/env') && argument !== '' && !/^-|[ \t=]/.test(argument) ? argument : undefined;
  return { interpreter, byEnv };
}
