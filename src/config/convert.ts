import { dirname, resolve } from 'node:path';
import type {
  Interruptions,
  Lifecycle,
  LifecycleOnFailure,
  Limits,
  LoggingFile,
  Metadata,
  Network,
  Renewal,
  RunnerConfig as RunnerConfigFile,
  Status,
} from '../generated/types.ts';
import type { JsonObject } from '../json.ts';
import type { LoggingOptions } from '../logging/log.ts';
import type {
  HostAction,
  InterruptionSettings,
  LifecycleSettings,
  LimitSettings,
  MetadataSettings,
  NetworkSettings,
  ProviderConfig,
  RenewalSettings,
  RunnerConfig,
  StatusAddress,
  WorkerConfigSection,
} from './runner-config.ts';
import { choices, defaultsOf, partOf, topSchema, type Schema } from './schemas.ts';
import { parseDuration, parseSize } from './units.ts';

/** A validated file as the run uses it: the schemas' defaults filled in, durations in milliseconds, sizes in bytes. */
export function toRunnerConfig(path: string, file: RunnerConfigFile): RunnerConfig {
  const whole = filled<RunnerConfigFile, 'logging' | 'getSecrets'>(topSchema, file);
  return {
    path,
    provider: provider(whole.provider),
    worker: worker(whole.worker),
    // What YAML and JSON can say is JSON; the schema leaves the worker's keys open.
    workerConfig: (whole.workerConfig ?? {}) as JsonObject,
    logging: logging(whole.logging),
    getSecrets: whole.getSecrets,
    ...cacheOverRestarts(path, whole),
    network: network(whole.network ?? {}),
    limits: limits(whole.limits ?? {}),
    lifecycle: lifecycle(whole.lifecycle ?? {}),
    metadata: metadata(whole.metadata ?? {}),
    interruptions: interruptions(whole.interruptions ?? {}),
    renewal: renewal(whole.renewal ?? {}),
    ...status(whole.status ?? {}),
  };
}

/** Templates leave an empty text where there is no cache. A static worker may register again, and does. */
function cacheOverRestarts(
  configPath: string,
  { cacheOverRestarts: file = '', provider: { providerType } }: RunnerConfigFile,
): Pick<RunnerConfig, 'cacheOverRestarts'> {
  if (file.trim() === '' || providerType === 'static') return {};
  return { cacheOverRestarts: resolve(dirname(configPath), file) };
}

function provider(section: RunnerConfigFile['provider']): ProviderConfig {
  if (!('rootURL' in section)) return section;
  const { providerMetadata, ...rest } = section;
  return {
    ...rest,
    // The services' URLs are made by appending to it.
    rootURL: section.rootURL.replace(/\/+$/, ''),
    ...(providerMetadata === undefined ? {} : { providerMetadata: providerMetadata as JsonObject }),
  };
}

function worker(section: RunnerConfigFile['worker']): WorkerConfigSection {
  if (section.implementation !== 'dummy') return section;
  const { implementation, as, configPath } = section;
  return {
    implementation,
    ...(as === undefined ? {} : { as }),
    ...(configPath === undefined ? {} : { configPath }),
  };
}

function logging(section: NonNullable<RunnerConfigFile['logging']>): LoggingOptions {
  if (section.implementation !== 'file') return section;
  const { path, maxSize, keep } = filled<LoggingFile, 'maxSize' | 'keep'>(
    choices('logging').get('file'),
    section,
  );
  return { implementation: 'file', path, maxSizeBytes: bytes(maxSize), keep };
}

function network(section: Network): NetworkSettings {
  const { retryFor, attemptTimeout } = filled<Network, keyof Network>(partOf('network'), section);
  return { retryForMs: milliseconds(retryFor), attemptTimeoutMs: milliseconds(attemptTimeout) };
}

function limits(section: Limits): LimitSettings {
  const { line, message, fileEntries, fileSize, filesTotal } = filled<Limits, keyof Limits>(
    partOf('limits'),
    section,
  );
  return {
    lineBytes: bytes(line),
    messageBytes: bytes(message),
    fileEntries,
    fileSizeBytes: bytes(fileSize),
    filesTotalBytes: bytes(filesTotal),
  };
}

function lifecycle(section: Lifecycle): LifecycleSettings {
  const usual = defaultsOf(partOf('lifecycle')) as Required<Lifecycle>;
  const whole = { ...usual, ...section };
  // The schema's default is POSIX's.
  const halting = process.platform === 'win32' ? 'shutdown /s /t 0' : usual.shutdownCommand;
  return {
    helloTimeoutMs: milliseconds(whole.helloTimeout),
    drainTimeoutMs: milliseconds(whole.drainTimeout),
    onExit: onExit({ ...usual.onExit, ...section.onExit } as OnExit),
    onFailure: onFailure({ ...usual.onFailure, ...section.onFailure }),
    shutdownHost: whole.shutdownHost,
    shutdownCommand: words(section.shutdownCommand ?? halting),
    onSignal: whole.onSignal,
    finishTasks: whole.finishTasks,
    gracePeriodMs: milliseconds(whole.gracePeriod),
    killAfterMs: milliseconds(whole.killAfter),
  };
}

/** By exit code, and for all others: what the default and the user's mapping make together. */
type OnExit = Readonly<Record<string, HostAction>> & { readonly other: HostAction };

function onExit({ other, ...codes }: OnExit): LifecycleSettings['onExit'] {
  return { codes: new Map(Object.entries(codes).map(([code, action]) => [Number(code), action])), other };
}

function onFailure({ action = 'remove', delay }: LifecycleOnFailure): LifecycleSettings['onFailure'] {
  return { action, delayMs: delay === undefined ? undefined : milliseconds(delay) };
}

function words(command: string | readonly string[]): readonly string[] {
  return typeof command === 'string' ? command.trim().split(/\s+/) : command;
}

function metadata(section: Metadata): MetadataSettings {
  const { giveUpAfter } = filled<Metadata, keyof Metadata>(partOf('metadata'), section);
  return { giveUpAfterMs: milliseconds(giveUpAfter) };
}

function interruptions(section: Interruptions): InterruptionSettings {
  const { poll, rebalance, maintenance, acknowledge } = filled<
    Interruptions,
    'rebalance' | 'maintenance' | 'acknowledge'
  >(partOf('interruptions'), section);
  return { pollMs: poll === undefined ? undefined : milliseconds(poll), rebalance, maintenance, acknowledge };
}

function renewal(section: Renewal): RenewalSettings {
  const { before, giveUp } = filled<Renewal, keyof Renewal>(partOf('renewal'), section);
  return { beforeMs: milliseconds(before), giveUpMs: milliseconds(giveUp) };
}

function status({ listen }: Status): Pick<RunnerConfig, 'status'> {
  return listen === undefined ? {} : { status: { listen: statusAddress(listen) } };
}

/** `[::1]:9100` → `::1` and 9100. The schema has seen to the shape. */
function statusAddress(text: string): StatusAddress {
  if (text.startsWith('unix:')) return { kind: 'unix', path: text.slice('unix:'.length) };
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, colon).replace(/^\[|\]$/g, '');
  return { kind: 'tcp', host, port: Number(text.slice(colon + 1)) };
}

/** A section with its defaults. K are the keys that its schema has a default for: a test holds this to the schemas. */
function filled<T extends object, K extends keyof T>(
  schema: Schema | undefined,
  section: T,
): T & Required<Pick<T, K>> {
  return { ...defaultsOf(schema), ...section } as T & Required<Pick<T, K>>;
}

function milliseconds(duration: string): number {
  return quantity(parseDuration(duration), duration);
}

function bytes(size: string): number {
  return quantity(parseSize(size), size);
}

/** What the schema let through and the parser cannot read is a fault of ours, not of the file. */
function quantity(value: number | undefined, text: string): number {
  if (value === undefined)
    throw new Error(`schemas/values.json lets ${text} through, which src/config/units.ts cannot read`);
  return value;
}
