/** What became of the simulated machine, in words. */
import type { KnownWorker } from '../state.ts';
import type { Machine, MachineNotice } from './machine.ts';

/** @param haltCommands the command lines that would have halted it */
export function machineLines(
  machine: Machine,
  worker: KnownWorker | undefined,
  haltCommands: readonly string[],
): string[] {
  const { cloud, worker: names } = machine.settings;
  return [
    `the machine (${cloud}, ${names.workerId}) ${endWords(worker?.state)}`,
    ...haltCommands.map(command => `the host was halted: ${command}`),
    ...machine.notices.map(noticeWords),
  ];
}

function endWords(state: KnownWorker['state'] | undefined): string {
  if (state === 'stopped') return 'was removed';
  return state === 'registered' ? 'is still running' : 'never registered, and is still running';
}

function noticeWords({ event, shownAt, asked, withdrawn, acknowledged }: MachineNotice): string {
  const seen = asked === 0 ? 'but nobody asked for it' : 'and was asked for';
  const rest = [...(acknowledged ? ['acknowledged'] : []), ...(withdrawn ? ['withdrawn in the end'] : [])];
  return [`${event} was shown from ${shownAt.toTimeString().slice(0, 8)} on, ${seen}`, ...rest].join(', ');
}
