/** A scenario as the simulator uses it: checked, defaults filled in, durations in milliseconds. */
import values from '../../schemas/values.json' with { type: 'json' };
import { validateScenario } from '../generated/validators.js';
import type {
  Scenario as ScenarioInput,
  ScenarioClient,
  ScenarioFault,
  ScenarioWorker,
} from '../generated/types.ts';
import { pointerTo } from '../config/places.ts';
import { isJsonObject, type JsonObject } from '../json.ts';
import { complaints, type SchemaError } from '../validator.ts';
import { faultMistake } from './faults.ts';
import { machineMistakes, machineSettings, type MachineSettings } from './machine/settings.ts';
import { resolveTimeline, timelineMistakes, type TimelineEntry } from './machine/timeline.ts';
import { durationMs } from './scenario-durations.ts';
import { workerKey, type SecretSetting } from './state.ts';

export type { ScenarioInput };

/** Where `simulate-cloud` listens unless told otherwise: a runner config needs a root URL that is known beforehand. */
export const DEFAULT_PORTS: DefaultPorts = { taskcluster: 8090, metadata: 8091 };

interface DefaultPorts {
  readonly taskcluster: number;
  readonly metadata: number;
}

export interface Scenario {
  readonly listen: string;
  readonly port: number;
  readonly tls: TlsSetting | undefined;
  /** The Taskcluster release to behave like. */
  readonly version: number;
  readonly leaseMs: number;
  readonly delayMs: number;
  readonly rttMs: number;
  readonly workers: readonly ScenarioWorker[];
  readonly workerConfigs: ReadonlyMap<string, JsonObject>;
  readonly clients: readonly ScenarioClient[];
  readonly secrets: ReadonlyMap<string, SecretSetting>;
  readonly faults: readonly ScenarioFault[];
  readonly machine: MachineSettings | undefined;
  readonly timeline: readonly TimelineEntry[];
}

export type TlsSetting =
  | { readonly kind: 'throw-away'; readonly certificate: 'good' | 'expired' | 'other-host' }
  | { readonly kind: 'files'; readonly cert: string; readonly key: string; readonly ca: string };

/** Something wrong in a scenario; never a secret value. */
export interface ScenarioMistake {
  /** Where: a JSON pointer. */
  readonly pointer: string;
  readonly text: string;
}

/** Anyone could reach it elsewhere, and it hands out its secrets to whoever knows the scenario. */
const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/;

/** A timer of Node ends at once beyond 24.8 days; Taskcluster issues credentials for 31 days at most. */
const LONGEST_DELAY_MS = 24 * 24 * 3_600_000;
const LONGEST_LEASE_MS = 30 * 24 * 3_600_000;
const LONGEST_CLOCK_MS = 8760 * 24 * 3_600_000;

/** Everything that is wrong with a scenario; nothing where it is one. */
export function scenarioMistakes(value: unknown): readonly ScenarioMistake[] {
  const schemaErrors = complaints(validateScenario, value);
  if (schemaErrors.length > 0) {
    return schemaErrors.filter(({ keyword }) => keyword !== 'if').map(schemaMistake);
  }
  const input = value as ScenarioInput;
  const { delay, rtt, lease, faults = [], workers = [] } = input;
  const mistakes: ScenarioMistake[] = [
    ...(input.listen === undefined || LOOPBACK.test(input.listen)
      ? []
      : [
          {
            pointer: '/listen',
            text: 'must be an address of this machine alone: 127.0.0.1, ::1 or localhost',
          },
        ]),
    ...tooLong('/delay', delay, LONGEST_DELAY_MS, '24d'),
    ...tooLong('/rtt', rtt, LONGEST_DELAY_MS, '24d'),
    ...tooLong('/lease', lease, LONGEST_LEASE_MS, '30d'),
    ...tooLong('/metadata/delay', input.metadata?.delay, LONGEST_DELAY_MS, '24d'),
    ...tooLong('/metadata/firstEvents', input.metadata?.firstEvents, LONGEST_DELAY_MS, '24d'),
    ...machineMistakes(input),
    ...timelineMistakes(input),
  ];
  for (const [index, fault] of faults.entries()) {
    const text = faultMistake(fault);
    if (text !== undefined) mistakes.push({ pointer: `/faults/${index}`, text });
    mistakes.push(
      ...tooLong(`/faults/${index}/delay`, fault.delay, LONGEST_DELAY_MS, '24d'),
      ...tooLong(`/faults/${index}/clock`, fault.clock?.slice(1), LONGEST_CLOCK_MS, '8760d'),
    );
  }
  const seen = new Set<string>();
  const machine = machineSettings(input, 0);
  if (machine !== undefined) seen.add(workerKey(machine.worker));
  for (const [index, worker] of workers.entries()) {
    const key = workerKey(worker);
    if (seen.has(key)) mistakes.push({ pointer: `/workers/${index}`, text: `worker ${key} stands twice` });
    seen.add(key);
  }
  if (isJsonObject(input.tls) && input.tls.cert !== undefined && input.tls.certificate !== undefined) {
    mistakes.push({
      pointer: '/tls/certificate',
      text: 'goes with a throw-away certificate only, not with cert and key',
    });
  }
  return mistakes;
}

function tooLong(pointer: string, text: string | undefined, mostMs: number, most: string): ScenarioMistake[] {
  return text === undefined || durationMs(text) <= mostMs
    ? []
    : [{ pointer, text: `must be at most ${most}` }];
}

function schemaMistake({
  instancePath: pointer,
  keyword,
  params,
  schemaPath,
  message,
}: SchemaError): ScenarioMistake {
  if (typeof params.additionalProperty === 'string') {
    return { pointer: pointerTo(pointer, params.additionalProperty), text: 'is an unknown key' };
  }
  const definition = /values\.json#\/definitions\/(\w+)\//.exec(schemaPath)?.[1];
  if (definition !== undefined && isDefinition(definition)) {
    return { pointer, text: `must be ${values.definitions[definition].description}` };
  }
  if (Array.isArray(params.allowedValues)) {
    return { pointer, text: `must be one of ${params.allowedValues.join(', ')}` };
  }
  if (keyword === 'type') return { pointer, text: `must be ${typeWords(params.type)}` };
  return { pointer, text: message ?? keyword };
}

const TYPE_WORDS: ReadonlyMap<unknown, string> = new Map([
  ['object', 'a mapping'],
  ['array', 'a list'],
  ['string', 'a text'],
  ['integer', 'a whole number'],
  ['boolean', 'true or false'],
]);

/** @param type a type of JSON Schema, or a list of them */
function typeWords(type: unknown): string {
  const types: readonly unknown[] = Array.isArray(type) ? type : [type];
  return types.map(name => TYPE_WORDS.get(name) ?? String(name)).join(' or ');
}

function isDefinition(name: string): name is keyof typeof values.definitions {
  return Object.hasOwn(values.definitions, name);
}

/** @param input a scenario in which scenarioMistakes found nothing */
export function resolveScenario(input: ScenarioInput, defaultPorts: DefaultPorts): Scenario {
  return {
    listen: input.listen ?? '127.0.0.1',
    port: input.port ?? defaultPorts.taskcluster,
    tls: tlsSetting(input.tls),
    version: input.version ?? 106,
    leaseMs: durationMs(input.lease ?? '96h'),
    delayMs: durationMs(input.delay ?? '0s'),
    rttMs: durationMs(input.rtt ?? '0s'),
    workers: input.workers ?? [],
    workerConfigs: new Map(
      Object.entries(input.workerPools ?? {}).map(([pool, { workerConfig = {} }]) => [
        pool,
        workerConfig as JsonObject,
      ]),
    ),
    clients: input.clients ?? [],
    secrets: new Map(Object.entries(input.secrets ?? {}) as [string, SecretSetting][]),
    faults: input.faults ?? [],
    machine: machineSettings(input, defaultPorts.metadata),
    timeline: resolveTimeline(input.timeline),
  };
}

function tlsSetting(input: ScenarioInput['tls']): TlsSetting | undefined {
  if (input === undefined || input === false) return undefined;
  if (input === true) return { kind: 'throw-away', certificate: 'good' };
  const { cert, key, ca, certificate = 'good' } = input;
  if (cert === undefined || key === undefined) return { kind: 'throw-away', certificate };
  return { kind: 'files', cert, key, ca: ca ?? cert };
}
