/** Where Azure announces the end of this VM: a list of events, which are about other VMs too. */
import { RunnerError } from '../../errors.ts';
import type { MetadataAzureScheduledEvents } from '../../generated/types.ts';
import { validateMetadataAzureScheduledEvents } from '../../generated/validators.js';
import type { InterruptionSettings } from '../../config/runner-config.ts';
import type { MetadataClient } from '../../metadata/metadata.ts';
import { jsonOf } from '../../metadata/read.ts';
import type { Notice, NoticeKind } from '../../model.ts';
import type { NoticeSource } from '../provider.ts';
import type { AskInstance } from './instance.ts';
import { metadataRequest } from './service.ts';

type ScheduledEvent = MetadataAzureScheduledEvents['Events'][number];

const REQUEST = metadataRequest('scheduledevents', '2020-07-01');

/** The first request turns the service on for this VM, which takes up to two minutes. */
const FIRST_LOOK_MS = 150_000;
const LOOK_MS = 2000;

/** Freeze is not among them: the VM pauses for some seconds and goes on. */
const KINDS: ReadonlyMap<string, NoticeKind> = new Map([
  ['Preempt', 'spot-interruption'],
  ['Terminate', 'terminate'],
  ['Redeploy', 'redeploy'],
  ['Reboot', 'reboot'],
]);

const STANDING = new Set(['Scheduled', 'Started']);

export function scheduledEvents(
  client: MetadataClient,
  askInstance: AskInstance,
  { pollMs = 1000, acknowledge }: InterruptionSettings,
): NoticeSource {
  /** The last answer and what it came to: nearly all are the same as the one before. */
  let last: { readonly text: string; readonly notices: readonly Notice[] } | undefined;

  function noticeOf(event: ScheduledEvent, kind: NoticeKind): Notice {
    const deadline = deadlineOf(event);
    // It would let the event begin for every VM that it names: the others may still be at work.
    const isOursAlone = event.Resources.length === 1;
    return {
      id: event.EventId,
      kind,
      reason: reasonOf(event),
      finishTasks: false,
      ...(deadline === undefined ? {} : { deadline }),
      ...(acknowledge && isOursAlone
        ? { acknowledge: signal => startEvent(client, event.EventId, signal) }
        : {}),
    };
  }

  return {
    name: 'scheduled events',
    everyMs: pollMs,
    prompt: false,
    async look(signal) {
      const { compute } = await askInstance(signal);
      const reply = await client.askOnce(REQUEST, last === undefined ? FIRST_LOOK_MS : LOOK_MS, signal);
      if (reply.status === 200 && reply.text === last?.text) return last.notices;
      const { Events } = jsonOf(reply, validateMetadataAzureScheduledEvents, { what: 'scheduled events' });
      const notices = Events.filter(event => isAbout(event, compute.name)).flatMap(event => {
        const kind = STANDING.has(event.EventStatus) ? KINDS.get(event.EventType) : undefined;
        return kind === undefined ? [] : [noticeOf(event, kind)];
      });
      last = { text: reply.text, notices };
      return notices;
    },
  };
}

/** Events of a whole availability set or scale set are shown to each of its VMs. Azure minds no case in names. */
function isAbout({ Resources }: ScheduledEvent, name: string): boolean {
  return Resources.some(resource => resource.toLowerCase() === name.toLowerCase());
}

/** NotBefore is blank once the event has started. */
function deadlineOf({ NotBefore }: ScheduledEvent): Date | undefined {
  const timeMs = Date.parse(NotBefore ?? '');
  return Number.isNaN(timeMs) ? undefined : new Date(timeMs);
}

function reasonOf({ EventType, EventStatus, Description, EventSource }: ScheduledEvent): string {
  const words = [
    `Azure's event ${EventType} is ${EventStatus}`,
    ...(EventSource ? [` by ${EventSource}`] : []),
    ...(Description ? [`: ${Description}`] : []),
  ];
  return words.join('');
}

/** Tells Azure that it need not wait for the event's NotBefore, for as long as the signal lets it. */
async function startEvent(client: MetadataClient, EventId: string, signal: AbortSignal): Promise<void> {
  const body = JSON.stringify({ StartRequests: [{ EventId }] });
  const headers = { ...REQUEST.headers, 'Content-Type': 'application/json' };
  const reply = await client.askOnce({ ...REQUEST, method: 'POST', headers, body }, Infinity, signal);
  if (reply.status >= 200 && reply.status < 300) return;
  throw new RunnerError('metadata.refused', `POST ${reply.url} was answered with ${reply.status}`, {
    exit: 'metadata',
  });
}
