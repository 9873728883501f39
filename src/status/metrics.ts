/** The state of a run for Prometheus. */
import type { Snapshot } from './status.ts';

const STATES = ['starting', 'running', 'draining', 'stopped'] as const satisfies readonly Snapshot['state'][];

export interface Metrics {
  readonly text: string;
  readonly contentType: string;
}

/** A value of a metric, with its labels; those with the same labels add up. */
type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

export async function metricsOf(run: Snapshot): Promise<Metrics> {
  const { default: prometheus } = await import('prom-client');
  const registry = new prometheus.Registry();

  function write(kind: 'Gauge' | 'Counter', name: string, help: string, samples: readonly Sample[]): void {
    // Without a value the library would write one: 0.
    if (samples.length === 0) return;
    const labelNames = [...new Set(samples.flatMap(([labels]) => Object.keys(labels)))];
    const metric = new prometheus[kind]({
      name: `worker_runner_${name}`,
      help,
      labelNames,
      registers: [registry],
    });
    for (const [labels, value] of samples) metric.inc(labels, value);
  }
  const gauge = write.bind(undefined, 'Gauge');
  const counter = write.bind(undefined, 'Counter');

  gauge('info', 'Which start-worker this is, and which worker it runs; always 1.', [[infoOf(run), 1]]);
  gauge(
    'state',
    'The state of the run: 1 for the one it is in.',
    STATES.map(state => [{ state }, state === run.state ? 1 : 0]),
  );
  gauge('healthy', 'Whether /healthz says ok.', [[{}, run.problems.length === 0 ? 1 : 0]]);
  gauge(
    'phase_seconds',
    'How long each phase of the run lasted, or has lasted so far.',
    run.phases.map(({ phase, seconds }) => [{ phase }, seconds]),
  );
  gauge(
    'credentials_expire_timestamp_seconds',
    "When the worker's credentials end, since the epoch.",
    moment(run.credentials.expireAt),
  );
  gauge(
    'next_renewal_timestamp_seconds',
    "When the worker's credentials are renewed next, since the epoch.",
    moment(run.credentials.nextRenewal),
  );
  counter('renewals_total', "How often the worker's credentials were renewed.", [
    [{}, run.credentials.renewals],
  ]);
  gauge(
    'notices',
    "Announcements of the machine's end, of the last ten, by whether they stand.",
    run.notices.map(({ kind, stands }) => [{ kind, stands: String(stands) }, 1]),
  );
  counter('worker_lines_total', 'Lines that the worker wrote.', tally(run.counts.lines, 'source'));
  counter('protocol_messages_total', 'Messages between runner and worker.', [
    ...tally(run.counts.toWorker, 'type', { direction: 'to-worker' }),
    ...tally(run.counts.fromWorker, 'type', { direction: 'from-worker' }),
  ]);
  counter(
    'api_calls_total',
    'Tries of Taskcluster calls, by how they ended.',
    run.counts.calls.map(({ name, result, count }) => [{ name, result }, count]),
  );
  counter('log_dropped_bytes_total', 'What the log could not keep.', [[{}, run.counts.droppedBytes]]);
  return { text: await registry.metrics(), contentType: registry.contentType };
}

function infoOf({ version, setup, identity }: Snapshot): Readonly<Record<string, string>> {
  return {
    version,
    ...(setup === undefined ? {} : { provider: setup.provider, worker: setup.worker }),
    ...(identity === undefined
      ? {}
      : {
          worker_pool_id: identity.workerPoolId,
          worker_group: identity.workerGroup,
          worker_id: identity.workerId,
        }),
  };
}

function moment(time: string | undefined): readonly Sample[] {
  return time === undefined ? [] : [[{}, Date.parse(time) / 1000]];
}

function tally(
  counts: Readonly<Record<string, number>>,
  label: string,
  more: Readonly<Record<string, string>> = {},
): readonly Sample[] {
  return Object.entries(counts).map(([key, count]) => [{ ...more, [label]: key }, count]);
}
