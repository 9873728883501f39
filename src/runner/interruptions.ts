/**
 * What the cloud announces about the end of this machine, from the beginning of the run to its end: one watch for all
 * clouds.
 */
import type { Clock } from '../clock.ts';
import type { Log } from '../logging/log.ts';
import type { Notice } from '../model.ts';
import type { NoticeSource } from '../providers/provider.ts';
import type { Tell } from '../run-event.ts';
import { settlesWithin } from '../settles-within.ts';
import { durationWords } from '../words.ts';
import { unlessAborted } from '../unless-aborted.ts';
import { createNoticeOutage, type NoticeOutage } from './notice-outage.ts';

/** How long a boot waits for the first answer: a machine that is about to go should not register. */
const FIRST_ANSWER_MS = 1000;

/**
 * Before the service has ever answered identify(), a failed look is repeated soon: the boot is about to ask for its
 * answer.
 */
const LONGEST_DELAY_AT_BOOT_MS = 500;
const LONGEST_DELAY_MS = 30_000;
/** After a failed look of a source that waits for changes by itself. */
const FIRST_DELAY_MS = 1000;

export interface Interruptions {
  /**
   * Resolves once every prompt source has answered, or after 1 s; that ends the boot, as `endBoot` does. To be called
   * when the metadata service has answered identify().
   * @throws the signal's reason
   */
  firstAnswer(signal: AbortSignal): Promise<void>;
  /**
   * From now on outages are told, since no one else tells them any more, and the service is asked less often while they
   * last. To be called where identify() has failed.
   */
  endBoot(): void;
  /** What stands against this machine now: the first notice that came and was not withdrawn. */
  standing(): Notice | undefined;
  /** All that stand now, in the order in which they came. */
  allStanding(): readonly SeenNotice[];
  /** All notices of this run in the order in which they came. */
  readonly seen: readonly SeenNotice[];
  /**
   * From now on the handler is given each notice, once; those that stand already at once. Those that came and were
   * withdrawn before are none of its business.
   */
  onNotice(handler: NoticeHandler): void;
  /** Ends the looks that are under way, so that the process can end. */
  close(): void;
}

export interface SeenNotice {
  readonly notice: Notice;
  readonly seenAt: Date;
  /** False where whoever announced it has withdrawn it. */
  readonly stands: boolean;
}

type NoticeHandler = (notice: Notice) => void;

interface WatchWorld {
  readonly clock: Clock;
  readonly log: Log;
  readonly tell: Tell;
}

/** Begins to look, at every source by itself. Nothing that a source does makes this throw. */
export function watchInterruptions(sources: readonly NoticeSource[], world: WatchWorld): Interruptions {
  const { clock, tell } = world;
  const closing = new AbortController();
  const outage = createNoticeOutage(world);
  const notices = createNotices(world);
  let longestDelayMs = LONGEST_DELAY_AT_BOOT_MS;

  function endBoot(): void {
    longestDelayMs = LONGEST_DELAY_MS;
    outage.tell();
  }

  const firstAnswers = sources.flatMap(source => {
    const answered = Promise.withResolvers<undefined>();
    function took(standing: readonly Notice[]): void {
      notices.update(source, standing);
      answered.resolve(undefined);
    }
    const watch = { source, took, outage, clock, tell, longestDelayMs: () => longestDelayMs };
    // It ends with nothing but the signal's reason.
    lookForEver(watch, closing.signal).catch(() => answered.resolve(undefined));
    return source.prompt ? [answered.promise] : [];
  });

  function allStanding(): readonly SeenNotice[] {
    return notices.seen().filter(({ stands }) => stands);
  }

  return {
    async firstAnswer(signal) {
      await unlessAborted(settlesWithin(Promise.all(firstAnswers), FIRST_ANSWER_MS, clock), signal);
      endBoot();
    },
    endBoot,
    standing: () => allStanding()[0]?.notice,
    allStanding,
    get seen() {
      return notices.seen();
    },
    onNotice: handler => notices.onNotice(handler),
    close: () => closing.abort(new Error('interruptions are watched no longer')),
  };
}

interface Watch {
  readonly source: NoticeSource;
  readonly took: (standing: readonly Notice[]) => void;
  readonly outage: NoticeOutage;
  readonly clock: Clock;
  readonly tell: Tell;
  readonly longestDelayMs: () => number;
}

/** No answer ends it, of any status: a metadata service that is back tells what was missed. */
async function lookForEver(watch: Watch, signal: AbortSignal): Promise<never> {
  const { source, took, outage, clock, tell, longestDelayMs } = watch;
  const firstDelayMs = source.everyMs === 0 ? FIRST_DELAY_MS : source.everyMs;
  let failedDelayMs: number | undefined;
  for (;;) {
    const startMs = clock.elapsed();
    let delayMs = source.everyMs;
    try {
      took(await source.look(signal));
      failedDelayMs = undefined;
      outage.answered(source);
      tell({ kind: 'looked', source: source.name, answered: true });
    } catch (error) {
      signal.throwIfAborted();
      outage.failed(source, error, startMs);
      tell({ kind: 'looked', source: source.name, answered: false });
      delayMs = Math.min(failedDelayMs === undefined ? firstDelayMs : failedDelayMs * 2, longestDelayMs());
      failedDelayMs = delayMs;
    }
    await clock.sleep(delayMs, signal);
  }
}

interface Notices {
  /** @param standing what the source's look gave: what is not in it any more was withdrawn */
  update(source: NoticeSource, standing: readonly Notice[]): void;
  seen(): readonly SeenNotice[];
  onNotice(handler: NoticeHandler): void;
}

interface Entry extends SeenNotice {
  readonly source: NoticeSource;
}

interface Listener {
  readonly handle: NoticeHandler;
  readonly told: Set<string>;
}

function createNotices({ clock, log, tell }: WatchWorld): Notices {
  /** By their ids, in the order in which they came. */
  const entries = new Map<string, Entry>();
  const withdrawn = new Set<string>();
  const listeners: Listener[] = [];

  function appeared(notice: Notice, source: NoticeSource): void {
    const { id } = notice;
    const known = entries.get(id);
    if (known === undefined) logNotice(notice, clock.now(), log);
    const seenAt = known?.seenAt ?? new Date(clock.now());
    // Its deadline may have been moved.
    entries.set(id, { notice, seenAt, source, stands: true });
    if (known?.stands !== true) tell({ kind: 'notice', notice, stands: true });
    // One that comes back is the one that was told before: neither the log nor the worker needs it twice.
    for (const listener of listeners) tellOnce(listener, notice);
  }

  function disappeared(entry: Entry): void {
    const { id, kind } = entry.notice;
    entries.set(id, { ...entry, stands: false });
    tell({ kind: 'notice', notice: entry.notice, stands: false });
    if (!withdrawn.has(id)) log.info(`the cloud has withdrawn its announcement: ${kind}`);
    withdrawn.add(id);
  }

  return {
    update(source, standing) {
      const ids = new Set(standing.map(({ id }) => id));
      for (const entry of entries.values()) {
        if (entry.stands && entry.source === source && !ids.has(entry.notice.id)) disappeared(entry);
      }
      for (const notice of standing) appeared(notice, source);
    },
    seen: () => [...entries.values()],
    onNotice(handle) {
      const listener = { handle, told: new Set<string>() };
      listeners.push(listener);
      for (const { notice, stands } of entries.values()) if (stands) tellOnce(listener, notice);
    },
  };
}

function tellOnce({ handle, told }: Listener, notice: Notice): void {
  if (told.has(notice.id)) return;
  told.add(notice.id);
  handle(notice);
}

function logNotice({ kind, deadline, reason }: Notice, nowMs: number, log: Log): void {
  const fields = { kind, reason, ...(deadline === undefined ? {} : { deadline: deadline.toISOString() }) };
  log.warn(`the cloud announces: ${kind}${leftWords(deadline, nowMs)}`, fields);
}

/** `, in 1 min 58 s`; the fields tell the rest. */
function leftWords(deadline: Date | undefined, nowMs: number): string {
  if (deadline === undefined) return ', no deadline';
  const leftMs = deadline.getTime() - nowMs;
  return leftMs > 0 ? `, in ${durationWords(leftMs)}` : ', now';
}
