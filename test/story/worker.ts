/** A worker's process that a story makes up: it speaks the protocol, or not, and ends as it likes. */
import { PassThrough } from 'node:stream';
import type { ProcessExit, RunningProcess } from '../../src/supervision/process.ts';
import type { Life, Stage } from './life.ts';
import type { WorkerBehavior } from './story.ts';

export interface Heard {
  readonly type: string;
  readonly [key: string]: unknown;
}

export interface SimulatedWorker {
  readonly pid: number;
  readonly behavior: WorkerBehavior;
  readonly life: Life;
  /** What the runner that started it sees of it. */
  readonly process: RunningProcess;
  readonly alive: () => boolean;
  /** Whether it has said hello with this capability. */
  readonly said: (capability: string) => boolean;
  readonly kill: (signal: NodeJS.Signals) => boolean;
  /** The machine goes down, or the test ends it. */
  readonly vanish: () => void;
  /** The runner is gone: the worker's stdin ends, and nobody reads what it writes. */
  readonly orphan: () => void;
}

export interface WorkerOptions {
  readonly pid: number;
  readonly life: Life;
  readonly behavior: WorkerBehavior;
  /** What it prints where it is indiscreet. */
  readonly secrets: readonly string[];
  readonly hears: (message: Heard, worker: SimulatedWorker) => void;
  readonly ended: (worker: SimulatedWorker, exit: ProcessExit) => void;
}

const HELLO_MS = { soon: 200, late: 45_000, twice: 500, never: Infinity } as const;

export function startSimulatedWorker(
  { story, time, witness, random }: Stage,
  options: WorkerOptions,
): SimulatedWorker {
  const { pid, life, behavior, secrets } = options;
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const { promise: exited, resolve } = Promise.withResolvers<ProcessExit>();
  let alive = true;
  let listened = true;
  let greeted = false;

  function later(ms: number, event: () => void): void {
    if (ms === Infinity) return;
    time.after(ms, () => {
      if (alive) event();
    });
  }

  /** @returns whether anybody can read it */
  function print(text: string): boolean {
    if (!listened || stdout.writableEnded) return false;
    stdout.write(text);
    return true;
  }

  function say(message: object): boolean {
    return print(`~${JSON.stringify(message)}\n`);
  }

  function hello(): void {
    if (say({ type: 'hello', capabilities: behavior.capabilities })) greeted = true;
    witness.met(`hello ${behavior.hello}`);
  }

  function exit(end: ProcessExit): void {
    if (!alive) return;
    alive = false;
    witness.note(`worker ${pid} ends: ${end.code ?? end.signal ?? '?'}`);
    witness.met(`worker ends: ${end.code ?? end.signal ?? '?'}`);
    stderr.end();
    stdin.destroy();
    if (behavior.grandchild) witness.met('a grandchild holds stdout');
    else if (!stdout.writableEnded) stdout.end();
    time.stir();
    options.ended(worker, end);
    if (listened && life.alive()) resolve(end);
  }

  function kill(signal: NodeJS.Signals): boolean {
    if (!alive) return false;
    witness.note(`worker ${pid} is sent ${signal}`);
    witness.met(`worker is sent ${signal}`);
    if (signal === 'SIGKILL') time.after(1, () => exit({ code: undefined, signal }));
    else if (behavior.onTerm === 'ends') later(random.int(1, 3000), () => exit({ code: undefined, signal }));
    return true;
  }

  function hear(line: string): void {
    const message = JSON.parse(line.replace(/^~/, '')) as Heard;
    witness.note(`worker ${pid} hears ${message.type} ${JSON.stringify(message['finish-tasks'] ?? '')}`);
    options.hears(message, worker);
    if (message.type === 'welcome') {
      if (behavior.hello === 'never') witness.met('hello never');
      later(HELLO_MS[behavior.hello], hello);
      if (behavior.hello === 'twice') later(900, hello);
    }
    if (message.type === 'graceful-termination' && behavior.onGraceful !== 'never') {
      later(behavior.onGraceful === 'soon' ? 1000 : 100_000, () => exit({ code: 72, signal: undefined }));
    }
  }

  const worker: SimulatedWorker = {
    pid,
    behavior,
    life,
    process: {
      pid,
      stdin,
      stdout,
      stderr,
      exited,
      kill: signal => life.moment(`sends ${signal}`) && kill(signal),
      killGroup: signal => life.moment(`sends ${signal} to the group`) && kill(signal),
      leave: () => undefined,
    },
    alive: () => alive,
    said: capability => greeted && behavior.capabilities.some(name => name === capability),
    kill,
    vanish() {
      alive = false;
      listened = false;
    },
    orphan() {
      listened = false;
    },
  };

  if (behavior.readsStdin) readLines(stdin, hear);
  // Hundreds of renewals in a row show nothing that eight do not.
  const livesMs = Math.min(behavior.livesSeconds * 1000, story.leaseMinutes * 8 * 60_000);
  later(livesMs + 5, () => exit({ code: behavior.exitCode, signal: undefined }));
  later(100, () => {
    print('hello from the worker\n');
    if (!stderr.writableEnded) stderr.write('a word on stderr\n');
  });
  later(600, () => act());
  return worker;

  /** What it does of its own, once it has come up. */
  function act(): void {
    if (behavior.indiscreet) {
      witness.met('a worker prints its credentials');
      for (const secret of secrets) print(`my secret is ${secret}\n`);
      say({ type: 'log', body: { textPayload: `secretly: ${secrets.join()}` } });
    }
    for (let report = 0; report < behavior.errorReports; report += 1) {
      const description = behavior.indiscreet ? secrets.join() : 'it did not work';
      say({ type: 'error-report', kind: 'worker-error', title: `report ${report}`, description, extra: {} });
    }
    if (behavior.floods) {
      witness.met('a worker floods');
      print(`${'x'.repeat(1000)}\n`.repeat(200));
      if (!stderr.writableEnded) stderr.write('y'.repeat(100_000));
    }
    if (behavior.asksForShutdown) {
      witness.met('a worker asks for shutdown');
      if (greeted && behavior.capabilities.includes('shutdown')) life.facts.shutdownAsked = true;
      say({ type: 'shutdown' });
    }
    if (behavior.closesStdout) {
      witness.met('a worker closes stdout and lives');
      stdout.end();
    }
  }
}

function readLines(stream: PassThrough, take: (line: string) => void): void {
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
  stream.on('error', () => undefined);
}
