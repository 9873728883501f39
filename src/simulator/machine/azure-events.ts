/** Azure's scheduled events: https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events */
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts';
import { jsonReply, textReply, type MetadataReply, type MetadataRequest } from './simulated-cloud.ts';
import { standing, type Machine, type MachineNotice } from './machine.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** How long before each of them the event is announced. */
export const AZURE_NOTICES = {
  'spot-interruption': 30 * SECOND,
  terminate: 5 * MINUTE,
  redeploy: 10 * MINUTE,
  reboot: 15 * MINUTE,
  freeze: 15 * MINUTE,
} as const;

interface EventType {
  readonly type: string;
  readonly description: string;
  readonly source: 'Platform' | 'User';
  /** How long the machine is expected to be away: -1 for good, or nobody knows. */
  readonly seconds: number;
}

const EVENT_TYPES: Readonly<Record<string, EventType>> = {
  'spot-interruption': {
    type: 'Preempt',
    description: 'The Spot Virtual Machine is being deleted.',
    source: 'Platform',
    seconds: -1,
  },
  terminate: { type: 'Terminate', description: 'The VM is to be deleted.', source: 'User', seconds: -1 },
  redeploy: { type: 'Redeploy', description: 'The VM moves to another node.', source: 'User', seconds: -1 },
  reboot: { type: 'Reboot', description: 'The VM is to be rebooted.', source: 'User', seconds: -1 },
  freeze: {
    type: 'Freeze',
    description: 'The VM is paused for a memory-preserving operation of its host.',
    source: 'Platform',
    seconds: 5,
  },
};

/** The first answer takes its time: the service is switched on by it. */
export function scheduledEvents(machine: Machine): MetadataReply {
  machine.eventsReadyMs ??= machine.now() + machine.settings.firstEventsMs;
  const leftMs = machine.eventsReadyMs - machine.now();
  if (leftMs <= 0) return eventsNow(machine);
  return {
    ...jsonReply(200, {}),
    hold: { mostMs: leftMs, isOver: () => false, then: () => eventsNow(machine) },
  };
}

function eventsNow(machine: Machine): MetadataReply {
  const notices = standing(machine);
  for (const notice of notices) {
    notice.asked += 1;
    // What was due by then has begun.
    if (!notice.started && notice.deadline.getTime() <= machine.now()) start(machine, notice);
  }
  return jsonReply(200, {
    DocumentIncarnation: machine.incarnation,
    Events: notices.map(notice => eventOf(machine, notice)),
  });
}

function eventOf(machine: Machine, { id, kind, otherVm, started, deadline }: MachineNotice): JsonObject {
  const { type = kind, description = '', source = 'Platform', seconds = -1 } = EVENT_TYPES[kind] ?? {};
  const name = otherVm ? 'other-vm' : machine.settings.worker.workerId;
  return {
    EventId: id,
    EventStatus: started ? 'Started' : 'Scheduled',
    EventType: type,
    ResourceType: 'VirtualMachine',
    // Nobody promises that the name is spelled here as it is in the instance's metadata.
    Resources: [name.toUpperCase()],
    NotBefore: started ? '' : deadline.toUTCString(),
    Description: description,
    EventSource: source,
    DurationInSeconds: seconds,
  };
}

function start(machine: Machine, notice: MachineNotice): void {
  notice.started = true;
  machine.incarnation += 1;
}

/** POST: the named events may begin at once. */
export function acknowledge({ body }: MetadataRequest, machine: Machine): MetadataReply {
  const ids = startRequests(body);
  const notices = standing(machine).filter(({ id }) => ids?.includes(id));
  if (ids === undefined || notices.length !== ids.length) {
    return jsonReply(400, { error: 'Bad request. StartRequests must name events that are scheduled' });
  }
  for (const notice of notices) {
    notice.acknowledged = true;
    if (!notice.started) start(machine, notice);
  }
  return textReply(200, '');
}

/** The event ids of a body; undefined where it is not of the right shape. */
function startRequests(body: string): readonly JsonValue[] | undefined {
  try {
    const { StartRequests: requests } = JSON.parse(body) as JsonObject;
    return Array.isArray(requests) && requests.every(isJsonObject)
      ? requests.map(({ EventId: id = null }) => id)
      : undefined;
  } catch {
    return undefined;
  }
}
