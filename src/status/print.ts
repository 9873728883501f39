/** The state of a run for a person at a terminal. */
import { stripVTControlCharacters } from 'node:util';
import { distanceWords, spanWords } from './span-words.ts';
import type { Snapshot } from './status.ts';

const SHOWN_TROUBLES = 5;

type Row = readonly [name: string, value: string | undefined];

/** A dozen aligned lines, each ending in \n. */
export function statusText(run: Snapshot): string {
  const rows: readonly Row[] = [
    ['state', `${run.state}${run.problems.length === 0 ? '' : ', with problems'}`],
    ...run.problems.map(({ text }): Row => ['problem', text]),
    ['phase', `${run.phase}, for ${spanWords(run.phaseSeconds)}, since ${run.since}`],
    ['waits for', run.waitsFor],
    ['worker', workerWords(run)],
    ['at', run.identity?.rootUrl],
    ['process', processWords(run)],
    ['credentials', credentialsWords(run)],
    ['notices', noticesWords(run)],
    ['lines', tally(run.counts.lines)],
    ['messages', `to the worker: ${tally(run.counts.toWorker)}; from it: ${tally(run.counts.fromWorker)}`],
    ['calls', run.counts.calls.map(({ name, result, count }) => `${name} ${count} × ${result}`).join(', ')],
    ['log lost', run.counts.droppedBytes === 0 ? undefined : `${run.counts.droppedBytes} bytes`],
    ['boot', bootWords(run)],
    ['start-worker', `${run.version}, pid ${run.pid}, has run for ${spanWords(run.runSeconds)}`],
    ...run.troubles
      .slice(-SHOWN_TROUBLES)
      .map(({ at, severity, message }): Row => [severity, `${at} ${message}`]),
  ];
  const said = rows.filter(([, value]) => value !== undefined && value !== '');
  const width = Math.max(...said.map(([name]) => name.length));
  return said.map(([name, value]) => `${name.padEnd(width)}  ${oneLine(value ?? '')}\n`).join('');
}

/** What a worker or a service said must not steer the terminal. */
function oneLine(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/\p{Cc}+/gu, ' ');
}

function workerWords({ identity, setup, location }: Snapshot): string | undefined {
  if (identity === undefined) return undefined;
  const where = Object.entries(location ?? {}).map(([key, value]) => `${key} ${value}`);
  const kinds = setup === undefined ? [] : [`${setup.worker} on ${setup.provider}`];
  return [
    `${identity.workerId} of pool ${identity.workerPoolId}, group ${identity.workerGroup}`,
    ...kinds,
    ...where,
  ].join('; ');
}

function processWords({ worker: { pid, capabilities } }: Snapshot): string | undefined {
  if (pid === undefined) return undefined;
  if (capabilities === undefined) return `pid ${pid}; no hello yet`;
  return `pid ${pid}; capabilities: ${capabilities.length === 0 ? 'none' : capabilities.join(', ')}`;
}

function credentialsWords({ credentials, time }: Snapshot): string | undefined {
  const { held, expireAt, renewals, nextRenewal } = credentials;
  if (!held) return undefined;
  return [
    expireAt === undefined ? 'nobody said when they end' : `end ${fromNow(expireAt, time)}`,
    ...(nextRenewal === undefined ? [] : [`next renewal ${fromNow(nextRenewal, time)}`]),
    renewals === 1 ? 'renewed once' : `renewed ${renewals} times`,
  ].join('; ');
}

function noticesWords({ notices, looks, time }: Snapshot): string {
  const told = notices.map(
    ({ kind, reason, deadline, stands }) =>
      `${kind}${deadline === undefined ? '' : ` ${fromNow(deadline, time)}`} (${reason})${stands ? '' : ', withdrawn'}`,
  );
  const silent = looks
    .filter(({ answered }) => !answered)
    .map(({ source, silentSeconds = 0 }) => `${source} has not answered for ${spanWords(silentSeconds)}`);
  return [...told, ...silent].join('; ') || 'none';
}

function bootWords({ phases }: Snapshot): string {
  return phases.map(({ phase, seconds }) => `${phase} ${spanWords(seconds)}`).join(', ');
}

function tally(counts: Readonly<Record<string, number>>): string {
  return (
    Object.entries(counts)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ') || 'none'
  );
}

/** `in 3 h 5 min (2026-11-25T10:22:16.000Z)` */
function fromNow(iso: string, now: string): string {
  return `${distanceWords(iso, now)} (${iso})`;
}
