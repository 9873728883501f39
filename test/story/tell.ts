/**
 * Tells a story: lives of the runner one after the other, on one machine or on copies of it, until nothing more
 * happens.
 */
import type { RunnerConfig } from '../../src/config/runner-config.ts';
import type { Notice } from '../../src/model.ts';
import type { World } from '../../src/runner/world.ts';
import { createNotice } from './cloud.ts';
import { configOf } from './config.ts';
import { createInvariants, type Invariants } from './invariants.ts';
import { createLife, type Life, type Stage } from './life.ts';
import { createMachine, type Machine } from './machine.ts';
import { createRandom } from './random.ts';
import { createService, type Service } from './service.ts';
import type { Story, StoryEvent } from './story.ts';
import { createTime } from './time.ts';
import { createWitness, type Violation } from './witness.ts';
import { createWorld } from './world.ts';

const START_MS = Date.parse('2026-11-21T08:00:00Z');
const MOST_LIVES = 8;
/** Whoever still runs then is asked to end. */
const PATIENCE_MS = 4 * 3_600_000;
const MOST_MS = PATIENCE_MS + 2 * 3_600_000;

export type Run = (config: RunnerConfig, world: World) => Promise<number>;

export interface Telling {
  readonly violation: Violation | undefined;
  readonly lines: readonly string[];
  readonly situations: ReadonlySet<string>;
}

interface Plot {
  readonly stage: Stage;
  readonly service: Service;
  readonly run: Run;
  machine: Machine;
  invariants: Invariants;
  config: RunnerConfig;
  pids: number;
  downUntilMs: number;
}

export async function tellStory(story: Story, run: Run): Promise<Telling> {
  const random = createRandom(story.seed);
  const time = createTime(START_MS, story.skewSeconds * 1000);
  const witness = createWitness(() => (time.elapsed() / 1000).toFixed(3).padStart(10));
  const switched = new Set(story.faults);
  const stage: Stage = {
    story,
    random,
    time,
    witness,
    strikes(fault) {
      if (!switched.has(fault) || !random.percent(story.faultPercent)) return false;
      witness.met(`fault: ${fault}`);
      return true;
    },
  };
  const service = createService(stage);
  const machine = createMachine(0);
  const config = configOf(story, machine);
  const invariants = createInvariants(stage, machine, service, config);
  const plot: Plot = { stage, service, run, machine, invariants, config, pids: 100, downUntilMs: 0 };
  for (let number = 0; number < MOST_LIVES && witness.violation() === undefined; number += 1) {
    const result = await live(plot, number);
    if (witness.violation() !== undefined || !goesOn(plot, number, result)) break;
  }
  return { violation: witness.violation(), lines: witness.lines(), situations: witness.situations() };
}

/** @returns the exit code, or nothing where the life was ended */
async function live(plot: Plot, number: number): Promise<number | undefined> {
  const { stage, machine, config, invariants, service } = plot;
  const { time, witness } = stage;
  witness.note(`--- life ${number} of machine ${machine.number}, boot ${machine.boot}`);
  const life = createLife(number, stage, event => strike(event, life, plot));
  const isDown = () => time.elapsed() < plot.downUntilMs;
  const nextPid = () => (plot.pids += 1);
  invariants.lifeBegins();
  const world = createWorld({ stage, machine, service, life, config, invariants, isDown, nextPid });
  let result: number | undefined;
  void plot.run(config, world).then(
    code => {
      time.stir();
      if (life.alive()) result = code;
    },
    (error: unknown) => {
      time.stir();
      if (life.alive())
        witness.violate('a run returns', error instanceof Error ? (error.stack ?? '') : String(error));
    },
  );
  time.after(Math.min(PATIENCE_MS, stage.story.leaseMinutes * 10 * 60_000 + 1_800_000), () => {
    if (life.alive()) signal(life, plot);
  });
  await until(() => result !== undefined || !life.alive() || machine.gone !== undefined, plot, life);
  if (result !== undefined) {
    witness.note(`--- life ${number} ends with ${result}`);
    witness.met(`exit code ${result}`);
    // The process goes on while something is left to do.
    const lives = () => [...machine.workers].some(worker => worker.life === life && worker.alive());
    await until(() => !lives(), plot, life, 60_000);
    // One that is killed in this moment leaves its worker, as at any other.
    if (!life.alive()) result = undefined;
    else if (lives() && machine.gone === undefined) {
      witness.violate('no worker outlives its runner', `life ${number} ended with ${result}`);
    }
    if (result !== undefined) invariants.lifeEnded(life, result);
  }
  life.end();
  for (const worker of machine.workers) worker.orphan();
  return result;
}

async function until(done: () => boolean, plot: Plot, life: Life, forMs = MOST_MS): Promise<void> {
  const { time, witness } = plot.stage;
  const untilMs = time.elapsed() + forMs;
  for (;;) {
    await time.settle();
    if (done() || witness.violation() !== undefined) return;
    if (!time.advance(untilMs)) {
      if (forMs === MOST_MS) witness.violate('a run ends in bounded time', `it hangs`);
      return;
    }
    plot.invariants.timePassed(life);
  }
}

function strike({ kind }: StoryEvent, life: Life, plot: Plot): void {
  const { stage, machine } = plot;
  const { time, random, witness } = stage;
  witness.note(`!!! ${kind}`);
  witness.met(`event: ${kind}`);
  switch (kind) {
    case 'signal':
      signal(life, plot);
      return;
    case 'kill':
      life.end();
      return;
    case 'power cut':
      life.end();
      goDown(plot);
      return;
    case 'clock forward':
      time.jump(random.pick([90_000, 3_600_000, 86_400_000]));
      return;
    case 'clock back':
      time.jump(-random.pick([90_000, 3_600_000, 86_400_000]));
      return;
    case 'suspend':
      time.suspend(random.pick([60_000, 1_800_000, 36_000_000]));
      return;
    case 'notice': {
      const notice = createNotice(machine, stage);
      machine.notices = [...machine.notices, notice];
      for (const changed of machine.onNotices) changed();
      takeAway(notice, plot);
      return;
    }
    case 'withdrawal':
      machine.notices = machine.notices.slice(1);
      for (const changed of machine.onNotices) changed();
      return;
    case 'outage':
      plot.downUntilMs = time.elapsed() + random.pick([5_000, 120_000, 1_500_000]);
      return;
    case 'hangup':
      life.emitter.emit('SIGHUP');
      return;
    case 'fault of ours':
      life.facts.faulted = true;
      life.fault.abort(new TypeError('a simulated fault of ours'));
  }
}

/** The cloud does what it has announced, unless it takes that back. */
function takeAway(notice: Notice, { stage, machine }: Plot): void {
  const { time, witness } = stage;
  if (notice.finishTasks || notice.deadline === undefined) return;
  time.after(notice.deadline.getTime() - time.wall(), () => {
    if (!machine.notices.includes(notice) || machine.gone !== undefined) return;
    witness.met('the cloud takes a machine away');
    machine.gone = 'taken';
  });
}

function signal(life: Life, { stage }: Plot): void {
  life.facts.signalledMs ??= stage.time.elapsed();
  stage.witness.note('SIGTERM');
  life.emitter.emit('SIGTERM');
}

function goDown({ stage, machine }: Plot): void {
  for (const worker of machine.workers) worker.vanish();
  machine.workers.clear();
  machine.disk.cutPower(stage.random);
  machine.boot += 1;
}

/** What the service manager, the machine or the cloud makes of the end of a life. @returns whether another begins */
function goesOn(plot: Plot, number: number, result: number | undefined): boolean {
  const { stage, machine } = plot;
  const { story, witness, time, random } = stage;
  if (machine.gone !== undefined || machine.haltAsked) return false;
  if (result === undefined) return true;
  if (machine.removalAccepted) return false;
  const isReboot = result === 67;
  if (!isReboot && number >= story.next.length) return false;
  const next = story.next[number % story.next.length] ?? 'reboot';
  witness.met(`next: ${next}`);
  if (next === 'clone' && story.provider === 'cloud') {
    plot.machine = createMachine(machine.number + 1, machine.disk.copy());
    plot.config = configOf(story, plot.machine);
    plot.invariants = createInvariants(stage, plot.machine, plot.service, plot.config);
  } else if (isReboot || next === 'reboot') goDown(plot);
  // Until somebody switches it on again.
  time.suspend(random.pick([0, 0, 0, 20_000, 600_000, 10_800_000]));
  return true;
}
