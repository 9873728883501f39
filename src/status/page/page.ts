/** Runs in the browser: asks for the state of the run each second and shows it. What it shows is text, never markup. */
import type { StatusReply } from '../../generated/types.ts';
import { distanceWords, spanWords } from '../span-words.ts';

const ASK_EVERY_MS = 1_000;
const ANSWER_WITHIN_MS = 5_000;

type Child = Node | string;

function element(tag: string, className: string, ...children: readonly Child[]): HTMLElement {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  made.append(...children);
  return made;
}

function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

const shown = new Map<string, string>();

/**
 * Changes a part of the page only where it says something else than before: what somebody has selected stays selected.
 */
function show<T>(id: string, data: T, render: (data: T) => readonly Child[]): void {
  const json = JSON.stringify(data);
  if (shown.get(id) === json) return;
  shown.set(id, json);
  byId(id).replaceChildren(...render(data));
}

function dateAndTime(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

/** The time of day; the whole of it for whoever points there. */
function timeOfDay(iso: string): HTMLElement {
  const made = element('time', '', iso.slice(11, 19));
  made.setAttribute('datetime', iso);
  made.title = dateAndTime(iso);
  return made;
}

/** `in 3 h 5 min (2026-11-25 10:22:16 UTC)` */
function fromNow(iso: string, now: string): string {
  return `${distanceWords(iso, now)} (${dateAndTime(iso)})`;
}

type Fact = readonly [name: string, value: string | undefined];

function facts(all: readonly Fact[]): readonly Child[] {
  return all.flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [element('dt', '', name), element('dd', '', value)],
  );
}

function showHead(run: StatusReply): void {
  const { identity, setup, state } = run;
  document.title = `${state}: ${identity?.workerId ?? 'start-worker'}`;
  const pill = byId('state');
  pill.textContent = state;
  pill.dataset.state = state;
  byId('who').textContent =
    identity === undefined ? 'start-worker' : `${identity.workerPoolId} / ${identity.workerId}`;
  const about = [
    `start-worker ${run.version}, pid ${run.pid}`,
    ...(setup === undefined ? [] : [setup.runnerConfig]),
    `has run for ${spanWords(run.runSeconds)}`,
    ...(run.resumed ? ['goes on where an earlier start was'] : []),
  ];
  byId('about').textContent = about.join(' · ');
}

function showNow(run: StatusReply): void {
  const { phase, since, waitsFor, phaseSeconds, ended, notices, time } = run;
  const head =
    ended === undefined ? `Waits for ${waitsFor ?? 'nothing'}` : `Ended with code ${ended.exitCode}`;
  const more =
    ended?.because ?? `${phase} for ${spanWords(Math.round(phaseSeconds))}, since ${dateAndTime(since)}`;
  const standing = notices.filter(({ stands }) => stands).map(notice => noticeWords(notice, time));
  show('waits', head, () => [head]);
  show('since', more, () => [more]);
  show('standing', standing, () => standing.map(text => element('p', 'error', text)));
}

type Phases = StatusReply['phases'];

/** The boot to scale; what comes after it may last for days, and is only named. */
function waterfall(phases: Phases): readonly Child[] {
  const running = phases.findIndex(({ phase }) => phase === 'running');
  const bootEnd = running === -1 ? phases.length : running;
  const last = phases[bootEnd - 1];
  const bootSeconds = Math.max(0.001, last === undefined ? 0 : last.startSeconds + last.seconds);
  return phases.map(({ phase, startSeconds, seconds }, index) => {
    const isLater = index >= bootEnd;
    const bar = element('div', 'bar');
    bar.style.left = isLater ? '0' : `${(100 * startSeconds) / bootSeconds}%`;
    bar.style.width = isLater ? '100%' : `${(100 * seconds) / bootSeconds}%`;
    const kind = `row${isLater ? ' later' : ''}${index === phases.length - 1 ? ' current' : ''}`;
    return element(
      'div',
      kind,
      element('span', 'name', phase),
      element('div', 'track', bar),
      element('span', 'time', spanWords(seconds)),
    );
  });
}

function showFacts({ identity, location, setup, worker, credentials, counts, time }: StatusReply): void {
  const where = Object.entries(location ?? {}).map(([key, value]) => `${key} ${value}`);
  const capabilities = worker.capabilities?.join(', ');
  show('worker', { identity, where, setup, worker }, () =>
    facts([
      ['pool', identity?.workerPoolId],
      ['group', identity?.workerGroup],
      ['id', identity?.workerId],
      ['at', identity?.rootUrl],
      ['where', where.join(', ')],
      ['provider', setup?.provider],
      ['kind', setup?.worker],
      ['pid', worker.pid?.toString()],
      ['can', capabilities === '' ? 'nothing: it said hello without capabilities' : capabilities],
    ]),
  );
  const { held, expireAt, nextRenewal, renewals } = credentials;
  const end = expireAt === undefined ? 'nobody said when' : fromNow(expireAt, time);
  const renewal = nextRenewal === undefined ? 'none' : fromNow(nextRenewal, time);
  show('credentials', [held, end, renewal, renewals], () =>
    held
      ? facts([
          ['end', end],
          ['next renewal', renewal],
          ['renewed', `${renewals} times`],
        ])
      : facts([['held', 'not yet']]),
  );
  show('traffic', counts, () =>
    facts([
      ['lines', tally(counts.lines)],
      ['to worker', tally(counts.toWorker)],
      ['from worker', tally(counts.fromWorker)],
      ...counts.calls.map(({ name, result, count }): Fact => [name, `${count} × ${result}`]),
      ['log lost', counts.droppedBytes === 0 ? undefined : `${counts.droppedBytes} bytes`],
    ]),
  );
}

function tally(counts: Readonly<Record<string, number>>): string {
  const all = Object.entries(counts).map(([name, count]) => `${count.toLocaleString('en')} ${name}`);
  return all.length === 0 ? 'none' : all.join(', ');
}

type Notice = StatusReply['notices'][number];

function noticeWords({ kind, deadline, reason, finishTasks, stands }: Notice, now: string): string {
  const when = deadline === undefined ? '' : ` ${fromNow(deadline, now)}`;
  const rest = finishTasks ? 'there is time to finish tasks' : 'no time to finish tasks';
  return `${kind}${when}: ${reason}; ${stands ? rest : 'withdrawn'}`;
}

function showNotices({ notices, looks, time }: StatusReply): void {
  const told = notices.toReversed().map(notice => ({ notice, words: noticeWords(notice, time) }));
  const silent = looks
    .filter(({ answered }) => !answered)
    .map(({ source, silentSeconds = 0 }) => `${source} has not answered for ${spanWords(silentSeconds)}`);
  show('notices', { told, silent }, () => [
    ...told.map(({ notice, words }) =>
      element('div', 'entry', timeOfDay(notice.at), element('span', notice.stands ? 'error' : 'gone', words)),
    ),
    ...silent.map(text => element('p', 'warning', text)),
    ...(notices.length + silent.length > 0 ? [] : [element('p', 'soft', 'None.')]),
  ]);
}

function showLog({ troubles, lines }: StatusReply): void {
  show('troubles', troubles, () => {
    const entries = troubles
      .toReversed()
      .map(({ at, severity, message }) =>
        element('div', 'entry', timeOfDay(at), element('span', severity, message)),
      );
    return entries.length > 0 ? entries : [element('p', 'soft', 'None.')];
  });
  const box = byId('lines');
  const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 20;
  show('lines', lines, () =>
    lines.map(({ at, source, text }) =>
      element('div', `entry ${source}`, timeOfDay(at), element('span', '', text)),
    ),
  );
  if (isAtEnd) box.scrollTop = box.scrollHeight;
}

function showRun(run: StatusReply): void {
  showHead(run);
  const texts = run.problems.map(({ text }) => text);
  byId('problems').hidden = texts.length === 0;
  show('problems', texts, () => texts.map(text => element('li', '', text)));
  showNow(run);
  show('waterfall', run.phases, waterfall);
  showFacts(run);
  showNotices(run);
  showLog(run);
}

let lastAnswer: string | undefined;

async function follow(): Promise<void> {
  const lost = byId('lost');
  try {
    const response = await fetch('status', {
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      cache: 'no-store',
    });
    if (!response.ok) throw new Error(`the answer is ${response.status}`);
    const run = (await response.json()) as StatusReply;
    showRun(run);
    lastAnswer = run.time;
    lost.hidden = true;
  } catch {
    lost.hidden = false;
    lost.textContent =
      lastAnswer === undefined
        ? 'start-worker does not answer.'
        : `start-worker has not answered since ${dateAndTime(lastAnswer)}: it has ended, or cannot be reached. What it said last stands below.`;
    byId('state').dataset.state = 'lost';
    byId('state').textContent = 'no answer';
    document.title = 'no answer: start-worker';
  }
  setTimeout(() => void follow(), ASK_EVERY_MS);
}

void follow();
