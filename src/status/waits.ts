import type { Phase } from '../run-event.ts';
import type { Told } from './snapshot.ts';

/** What a run waits for in a phase, as the end of a sentence that begins with "waits for". */
export function waitsFor(told: Pick<Told, 'config' | 'latest' | 'callsInPhase'>, phase: Phase): string {
  const { latest } = told;
  switch (phase) {
    case 'starting':
      return told.config === undefined
        ? 'the runner config to be read'
        : 'what an earlier start left: its worker to end, and its state to be read';
    case 'identifying':
      return latest.identified === undefined
        ? 'the provider to say which machine this is'
        : 'the provider to say whether this machine is about to be taken away';
    case 'registering':
      return `worker-manager to answer registerWorker${tries(told)}`;
    case 'collecting secrets':
      return `the secrets service to answer${tries(told)}`;
    case 'writing files':
      return 'the files and the configuration of the worker to be written';
    case 'starting the worker':
      return latest['worker-started'] === undefined
        ? "the worker's process to start"
        : 'the worker to say hello';
    case 'running':
      return 'the worker to end: it is at work';
    case 'draining':
      return 'the worker to finish and to end';
    case 'ending':
      return 'what is left: the last output of the worker, reports, the removal of the worker where the machine is given up, the log';
  }
}

/** A try that went well is no reason to wait: another call is under way by then. */
function tries({ latest, callsInPhase }: Pick<Told, 'latest' | 'callsInPhase'>): string {
  const { call } = latest;
  if (call === undefined || callsInPhase === 0 || call.result === 'ok') return '';
  return ` (tried ${callsInPhase} times; the last time: ${call.name}, ${call.result})`;
}
