import type {
  Lifecycle,
  Limits,
  LoggingFile,
  Network,
  RunnerConfig as RunnerConfigFile,
} from '../generated/types.ts';
import type { JsonObject } from '../json.ts';
import type { LoggingOptions } from '../logging/log.ts';
import type {
  LifecycleSettings,
  LimitSettings,
  NetworkSettings,
  ProviderConfig,
  RunnerConfig,
  WorkerConfigSection,
} from './runner-config.ts';
import { defaultsOf, schemas, topSchema, type Schema } from './schemas.ts';
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
    // Templates leave an empty text where there is no cache; the reference takes it so.
    ...(whole.cacheOverRestarts === undefined || whole.cacheOverRestarts === ''
      ? {}
      : { cacheOverRestarts: whole.cacheOverRestarts }),
    network: network(whole.network ?? {}),
    limits: limits(whole.limits ?? {}),
    lifecycle: lifecycle(whole.lifecycle ?? {}),
  };
}

function provider(section: RunnerConfigFile['provider']): ProviderConfig {
  const { providerMetadata, ...rest } = section;
  return {
    ...rest,
    // The services' URLs are made by appending to it.
    rootURL: section.rootURL.replace(/\/+$/, ''),
    ...(providerMetadata === undefined ? {} : { providerMetadata: providerMetadata as JsonObject }),
  };
}

function worker(section: RunnerConfigFile['worker']): WorkerConfigSection {
  if (section.implementation === 'generic-worker') return section;
  const { implementation, as, configPath } = section;
  return {
    implementation,
    ...(as === undefined ? {} : { as }),
    ...(configPath === undefined ? {} : { configPath }),
  };
}

function logging(section: NonNullable<RunnerConfigFile['logging']>): LoggingOptions {
  if (section.implementation !== 'file') return section;
  const { path, maxSize, keep } = filled<LoggingFile, 'maxSize' | 'keep'>(schemas.loggingFile, section);
  return { implementation: 'file', path, maxSizeBytes: bytes(maxSize), keep };
}

function network(section: Network): NetworkSettings {
  const { retryFor, attemptTimeout } = filled<Network, keyof Network>(schemas.network, section);
  return { retryForMs: milliseconds(retryFor), attemptTimeoutMs: milliseconds(attemptTimeout) };
}

function limits(section: Limits): LimitSettings {
  const { line, message, fileEntries, fileSize, filesTotal } = filled<Limits, keyof Limits>(
    schemas.limits,
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
  const { helloTimeout, drainTimeout } = filled<Lifecycle, keyof Lifecycle>(schemas.lifecycle, section);
  return { helloTimeoutMs: milliseconds(helloTimeout), drainTimeoutMs: milliseconds(drainTimeout) };
}

/** A section with its defaults. K are the keys that its schema has a default for: a test holds this to the schemas. */
function filled<T extends object, K extends keyof T>(schema: Schema, section: T): T & Required<Pick<T, K>> {
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
