/** The world that a run is told in: everything that it reaches the outside through, made up. */
import { PassThrough } from 'node:stream';
import type { RunnerConfig } from '../../src/config/runner-config.ts';
import { collectSecrets } from '../../src/logging/collect-secrets.ts';
import { createRedactor } from '../../src/logging/create-redactor.ts';
import type { Log, Severity } from '../../src/logging/log.ts';
import type { Redactor } from '../../src/logging/redactor.ts';
import { createTextFormatter } from '../../src/logging/text-formatter.ts';
import { createServices } from '../../src/runner/services.ts';
import { listenForSignals } from '../../src/runner/signals.ts';
import type { World } from '../../src/runner/world.ts';
import type { Invariants } from './invariants.ts';
import type { Life, Stage } from './life.ts';
import { type Machine, MARK } from './machine.ts';
import { createNetwork } from './transport.ts';
import type { Service } from './service.ts';
import { SAID } from './situations.ts';
import { createSystem } from './system.ts';

/** The formatter's own, of the test's time. */
const STAMP = /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /gm;

export interface Scenery {
  readonly stage: Stage;
  readonly machine: Machine;
  readonly service: Service;
  readonly life: Life;
  readonly config: RunnerConfig;
  readonly invariants: Invariants;
  readonly isDown: () => boolean;
  /** Counts the worker processes of the story, on all machines. */
  readonly nextPid: () => number;
}

export function createWorld(scenery: Scenery): World {
  const { stage, life, config } = scenery;
  const { clock } = life;
  const redactor = createRedactor();
  const log = createLog(scenery, redactor);
  learn(config, redactor);
  const env = {};
  const signals = listenForSignals(life.emitter);
  signals.onHangup(() => log.reopen());
  const transport = createNetwork(stage, scenery);
  return {
    env,
    stdout: new PassThrough(),
    clock,
    log,
    redactor,
    signals,
    fault: life.fault.signal,
    services: createServices({ env, clock, log, redactor, network: config.network, transport }),
    system: createSystem(scenery),
    tell(event) {
      if (event.kind === 'phase') stage.witness.met(`phase ${event.phase}`);
    },
  };
}

/** As start-worker.ts does, before the first line. */
function learn({ provider, workerConfig }: RunnerConfig, redactor: Redactor): void {
  if ('staticSecret' in provider) redactor.add(provider.staticSecret);
  if ('accessToken' in provider) redactor.add(provider.accessToken);
  collectSecrets(workerConfig, redactor);
}

/** What people read, with the redactor that they have; nothing in it may hold a secret. */
function createLog({ stage, life }: Scenery, redactor: Redactor): Log {
  const { witness, random, time, strikes } = stage;
  const format = createTextFormatter(redactor);

  function look(text: string): void {
    if (text.includes(MARK)) witness.violate('no secret where it does not belong', `the log: ${text}`);
  }

  function enter(severity: Severity): Log['info'] {
    return (message, fields = {}) => {
      if (!life.alive()) return;
      time.stir();
      const text = format.entry(severity, message, fields);
      witness.note(text.trimEnd().replaceAll(STAMP, ''));
      look(text);
      for (const [words, situation] of SAID) if (words.test(text)) witness.met(situation);
    };
  }

  return {
    info: enter('info'),
    warn: enter('warning'),
    error: enter('error'),
    output(source, items) {
      time.stir();
      look(format.output(source, items));
      return strikes('slow log')
        ? life.act('the log takes its time', random.int(10, 3000), () => undefined)
        : undefined;
    },
    reopen: () => witness.met('the log is opened again'),
    close: () => Promise.resolve(),
  };
}
