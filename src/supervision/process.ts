/** The door of the supervision room: one worker process. */
import type { Readable, Writable } from 'node:stream';

export interface Command {
  readonly file: string;
  readonly args: readonly string[];
}

export interface ProcessOptions extends Command {
  readonly env: Readonly<Record<string, string>>;
  /** Makes the command that becomes the program, once it is found; absent: the program is started as it is. */
  readonly wrap?: (command: Command) => Command;
  /** As whom the command runs, without supplementary groups; absent: as we do. */
  readonly ids?: { readonly uid: number; readonly gid: number };
}

export interface ProcessExit {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

export interface RunningProcess {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** The exit of the process itself, whoever still holds its pipes. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** Signals the process alone; false where it is gone. */
  kill(signal: NodeJS.Signals): boolean;
  /** Signals the process group. */
  killGroup(signal: NodeJS.Signals): boolean;
  /** We may end before it; its pipes are closed. */
  leave(): void;
}
