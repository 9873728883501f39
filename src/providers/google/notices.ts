/** Where Google announces the end of this VM: two values that are watched by a GET that waits for their change. */
import type { Clock } from '../../clock.ts';
import type { MetadataClient } from '../../metadata/metadata.ts';
import { optionalTextOf } from '../../metadata/read.ts';
import type { Notice } from '../../model.ts';
import type { NoticeSource } from '../provider.ts';
import { googles, metadataRequest } from './service.ts';

/** A value of the metadata service that says, by one of its texts, that the VM is about to end. */
interface Announcement {
  readonly path: string;
  /** For the log. */
  readonly name: string;
  readonly value: string;
  readonly notice: Notice;
}

const PREEMPTED: Announcement = {
  path: 'instance/preempted',
  name: 'preemption',
  value: 'TRUE',
  notice: {
    id: 'instance/preempted',
    kind: 'spot-interruption',
    reason: 'instance/preempted is TRUE: Compute Engine takes this VM away in about 30 s',
    finishTasks: false,
  },
};

/** Asked for always: Compute Engine gives its notice of 60 s only to a VM that has asked for this value before. */
const MAINTENANCE: Announcement = {
  path: 'instance/maintenance-event',
  name: 'host maintenance',
  // The other values: NONE, and MIGRATE_ON_HOST_MAINTENANCE, which a worker survives.
  value: 'TERMINATE_ON_HOST_MAINTENANCE',
  notice: {
    id: 'instance/maintenance-event',
    kind: 'maintenance',
    reason:
      'instance/maintenance-event is TERMINATE_ON_HOST_MAINTENANCE: Compute Engine stops this VM in about 60 s',
    finishTasks: false,
  },
};

/** Short, so that a connection that died in silence costs no notice of 30 s. */
const WAIT_SECONDS = 10;
/** For an answer that comes at once. */
const PROMPT_MS = 2000;
/** A service that does not wait for a change is not asked more often. */
const CLOSEST_LOOKS_MS = 1000;

export function googleNoticeSources(client: MetadataClient, clock: Clock): readonly NoticeSource[] {
  return [PREEMPTED, MAINTENANCE].map(announcement => watch(announcement, client, clock));
}

function watch(
  { path, name, value, notice }: Announcement,
  client: MetadataClient,
  clock: Clock,
): NoticeSource {
  /** Of the last answer. Without it, a change between two looks would be missed. */
  let etag: string | undefined;
  let notBeforeMs = 0;

  async function ask(signal: AbortSignal): Promise<string | undefined> {
    const query =
      etag === undefined
        ? ''
        : `?wait_for_change=true&last_etag=${encodeURIComponent(etag)}&timeout_sec=${WAIT_SECONDS}`;
    const timeoutMs = PROMPT_MS + (etag === undefined ? 0 : WAIT_SECONDS * 1000);
    // After a failure the value and its etag are learned anew: the answer comes at once.
    etag = undefined;
    const reply = await client.askOnce(metadataRequest(path + query), timeoutMs, signal);
    const text = googles(answer => optionalTextOf(answer, { what: `the value of ${path}` }))(reply);
    etag = reply.headers.etag;
    return text?.trim();
  }

  return {
    name,
    everyMs: 0,
    prompt: true,
    async look(signal) {
      const pauseMs = notBeforeMs - clock.elapsed();
      if (pauseMs > 0) await clock.sleep(pauseMs, signal);
      const beganMs = clock.elapsed();
      const waits = etag !== undefined;
      const text = await ask(signal);
      // The first answer is followed at once by a request that waits.
      notBeforeMs = !waits && etag !== undefined ? 0 : beganMs + CLOSEST_LOOKS_MS;
      return text === value ? [notice] : [];
    },
  };
}
