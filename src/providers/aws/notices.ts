/** Where EC2 announces the end of an instance. */
import type { MetadataAwsScheduledEvents } from '../../generated/types.ts';
import {
  validateMetadataAwsInstanceAction,
  validateMetadataAwsRebalance,
  validateMetadataAwsScheduledEvents,
} from '../../generated/validators.js';
import type { InterruptionSettings } from '../../config/runner-config.ts';
import type { MetadataReply } from '../../metadata/metadata.ts';
import { jsonOf, optionalTextOf } from '../../metadata/read.ts';
import type { Notice } from '../../model.ts';
import type { Validator } from '../../validator.ts';
import type { NoticeSource } from '../provider.ts';
import type { Imds } from './imds.ts';

/** AWS says every 5 s; its own aws-node-termination-handler asks every 2 s, of a notice of 2 minutes. */
const EVERY_MS = 2000;

const SPOT = 'meta-data/spot/instance-action';
const SPOT_FALLBACK = 'meta-data/spot/termination-time';
const REBALANCE = 'meta-data/events/recommendations/rebalance';
const MAINTENANCE = 'meta-data/events/maintenance/scheduled';

type Look = (imds: Imds, signal: AbortSignal) => Promise<readonly Notice[]>;

export function awsNoticeSources(imds: Imds, settings: InterruptionSettings): readonly NoticeSource[] {
  const everyMs = settings.pollMs ?? EVERY_MS;
  function source(name: string, look: Look): NoticeSource {
    return { name, everyMs, prompt: true, look: signal => look(imds, signal) };
  }
  return [
    source('spot interruptions', lookForSpot),
    ...(settings.rebalance ? [source('rebalance recommendations', lookForRebalance)] : []),
    ...(settings.maintenance ? [source('scheduled maintenance', lookForMaintenance)] : []),
  ];
}

/** Both values are asked for at once; the older one counts where the newer is not there. */
async function lookForSpot(imds: Imds, signal: AbortSignal): Promise<readonly Notice[]> {
  const looks = await Promise.allSettled([
    imds.look(SPOT, instanceAction, signal),
    imds.look(SPOT_FALLBACK, terminationTime, signal),
  ]);
  for (const look of looks) if (look.status === 'fulfilled' && look.value !== undefined) return [look.value];
  // "Nothing stands" is known only where both have said so.
  for (const look of looks) if (look.status === 'rejected') throw look.reason;
  return [];
}

function instanceAction(reply: MetadataReply): Notice | undefined {
  const value = optionalJson(reply, validateMetadataAwsInstanceAction, 'the spot instance action');
  if (value === undefined) return undefined;
  return spotNotice(`spot instance-action ${value.action}`, dateOf(value.time));
}

function terminationTime(reply: MetadataReply): Notice | undefined {
  const time = dateOf(optionalTextOf(reply, { what: 'the spot termination time' })?.trim());
  // Some text that is no time means, as the documentation says, that nothing is announced.
  return time === undefined ? undefined : spotNotice('spot termination-time', time);
}

/** An instance is interrupted once: whichever value says it first, it is the same notice. */
function spotNotice(reason: string, deadline: Date | undefined): Notice {
  return {
    id: 'spot-interruption',
    kind: 'spot-interruption',
    reason,
    finishTasks: false,
    ...(deadline === undefined ? {} : { deadline }),
  };
}

function lookForRebalance(imds: Imds, signal: AbortSignal): Promise<readonly Notice[]> {
  return imds.look(
    REBALANCE,
    reply => {
      const value = optionalJson(reply, validateMetadataAwsRebalance, 'the rebalance recommendation');
      if (value === undefined) return [];
      const { noticeTime } = value;
      const reason = 'rebalance recommendation';
      return [{ id: `rebalance ${noticeTime}`, kind: 'rebalance', reason, finishTasks: true }];
    },
    signal,
  );
}

function lookForMaintenance(imds: Imds, signal: AbortSignal): Promise<readonly Notice[]> {
  return imds.look(
    MAINTENANCE,
    reply => {
      const events = optionalJson(reply, validateMetadataAwsScheduledEvents, 'the scheduled maintenance');
      // Canceled and completed events stay in the list for a while.
      return (events ?? []).filter(event => event.State.toLowerCase() === 'active').map(maintenanceNotice);
    },
    signal,
  );
}

function maintenanceNotice(event: MetadataAwsScheduledEvents[number]): Notice {
  const deadline = dateOf(event.NotBefore);
  const description = event.Description ?? '';
  return {
    id: event.EventId,
    kind: 'maintenance',
    reason: description === '' ? event.Code : `${event.Code}: ${description}`,
    finishTasks: true,
    ...(deadline === undefined ? {} : { deadline }),
  };
}

/** 404: there is none. */
function optionalJson<T>(reply: MetadataReply, validator: Validator<T>, what: string): T | undefined {
  const text = optionalTextOf(reply, { what });
  return text === undefined ? undefined : jsonOf(reply, validator, { what });
}

function dateOf(text: string | undefined): Date | undefined {
  const date = new Date(text ?? '');
  return Number.isNaN(date.getTime()) ? undefined : date;
}
