/**
 * The metrics of a running engine, each with the rule that reads its values; docs/metrics.md has
 * the same list in words, and a test compares the two. Names follow Prometheus' conventions.
 */
import type { CollectFigures } from '../collector/figures.ts'
import type { DlqCounts } from '../dlq/dlq-tally.ts'
import { REASONS } from '../events/contracts.ts'
import { COMMIT_BOUNDS_S, type VitalSigns } from '../pipeline/loop-vitals.ts'
import type { StatusResult } from '../pipeline/read-status.ts'
import type { LeftOut } from '../provenance/left-out.ts'
import { COLLECTOR_METRICS } from './collector-metrics.ts'
import { byLabel, defineMetric, type MetricDefinition } from './define-metric.ts'
import type { EngineUsage } from './engine-usage.ts'
import { PROBLEM_KINDS, type Problem } from './health.ts'
import type { MetricAbout, MetricFamily, MetricSample } from './open-metrics.ts'

/** All that the metrics are made of, at one moment; undefined: not known at the moment. */
export interface EngineReading {
  /** Of ccs, and of Node. */
  readonly versions: { readonly ccs: string; readonly node: string }
  readonly status: StatusResult
  readonly vitals: VitalSigns
  readonly problems: readonly Problem[]
  readonly usage: EngineUsage | undefined
  readonly dlq: DlqCounts
  /** What today's numbers leave out. */
  readonly leftOut: LeftOut | undefined
  /** What the collector of this data counted. */
  readonly collected: CollectFigures | undefined
  readonly disk: {
    /** By part of the data directory: `log`, `bronze`, `silver`, `gold`, `state`. */
    readonly bytes: Readonly<Record<string, number>>
    readonly freeBytes: number | undefined
  }
  /** Of the process. */
  readonly resources: {
    readonly residentBytes: number
    readonly cpuSeconds: number
    /** Seconds since 1970. */
    readonly startedSeconds: number
  }
}

type Definition = MetricDefinition<EngineReading>

const counter = defineMetric('counter')
const gauge = defineMetric('gauge')
const info = defineMetric('info')

const METRICS: readonly Definition[] = [
  info('ccs_build_info', ['version', 'node'], 'Version of ccs and of Node; always 1.', (one) => [
    { labels: { version: one.versions.ccs, node: one.versions.node }, value: 1 },
  ]),
  counter(
    'ccs_events_total',
    ['outcome'],
    'Records of events.raw so far: accepted into Silver, duplicate, rejected.',
    ({ status: { counts } }) =>
      byLabel('outcome', {
        accepted: counts.bronze - counts.duplicates,
        duplicate: counts.duplicates,
        rejected: counts.dlq,
      }),
  ),
  counter(
    'ccs_late_events_total',
    [],
    'Accepted or duplicate events that came after the watermark of their partition.',
    ({ status }) => single(status.counts.late),
  ),
  counter(
    'ccs_set_aside_events_total',
    [],
    'Rejected events that a model failed on.',
    ({ status }) => single(status.counts.setAside),
  ),
  counter(
    'ccs_rejects_total',
    ['reason'],
    'Records of events.dlq by reason, rows of imports included; absent until all were read.',
    ({ dlq: { byReason, isComplete } }) =>
      isComplete ? byLabel('reason', { ...zeroes(REASONS), ...byReason }) : [],
  ),
  gauge('ccs_dlq_records', [], 'Records in events.dlq now.', ({ dlq }) => single(dlq.total)),
  gauge(
    'ccs_left_out_events',
    ['kind'],
    'Events that some number of the shop day lacks, such as those of bots; counted once a minute.',
    ({ leftOut }) =>
      (leftOut?.rows ?? []).flatMap(({ kind, count }) =>
        count === null ? [] : { labels: { kind }, value: count },
      ),
  ),
  gauge(
    'ccs_lag_events',
    ['topic', 'partition'],
    'Records of a partition that are not ingested yet.',
    ({ status }) =>
      status.partitions.map(({ topic, partition, nextOffset, end }) => {
        const labels = { topic, partition: String(partition) }
        return { labels, value: Math.max(0, end - nextOffset) }
      }),
  ),
  gauge(
    'ccs_watermark_timestamp_seconds',
    [],
    'Least watermark of all partitions, in event time; absent before the first event.',
    ({ status }) => singleTime(status.watermark),
  ),
  gauge(
    'ccs_freshness_seconds',
    [],
    'Age of the newest record that answers include; absent before the first.',
    ({ status: { newestAgeMs } }) => single(newestAgeMs === null ? undefined : newestAgeMs / 1000),
  ),
  gauge('ccs_log_gaps', [], 'Places where the log lost records before they were read.', (one) =>
    single(one.status.gaps.length),
  ),
  gauge('ccs_damaged_files', [], 'Files that the scrub found damaged; see ccs status.', (one) =>
    single(one.status.scrub.damaged.length),
  ),
  gauge('ccs_s3_commit_serial', [], 'Number of the commit that the copy on S3 shows.', (one) =>
    single(one.status.s3?.serial ?? undefined),
  ),
  gauge('ccs_s3_commit_timestamp_seconds', [], 'When that commit was made.', (one) =>
    singleTime(one.status.s3?.committed ?? null),
  ),
  gauge('ccs_s3_waiting_files', [], 'Files of the last commit that are not on S3 yet.', (one) =>
    single(one.status.s3?.waitingFiles),
  ),
  gauge('ccs_s3_waiting_bytes', [], 'Their size.', (one) => single(one.status.s3?.waitingBytes)),
  gauge('ccs_s3_failing', [], 'Whether the last upload to S3 failed: 1, else 0.', (one) =>
    single(one.status.s3 ? Number(one.status.s3.failure !== null) : undefined),
  ),
  {
    name: 'ccs_commit_duration_seconds',
    type: 'histogram',
    labels: ['le'],
    help: 'How long commits took, from their snapshot until their files are in place.',
    read: readCommits,
  },
  gauge(
    'ccs_last_commit_timestamp_seconds',
    [],
    'When the last commit was made; absent before the first.',
    ({ status }) => singleTime(status.lastCommit),
  ),
  gauge('ccs_commit_serial', [], 'Number of the last commit; 0: there is none.', ({ status }) =>
    single(status.serial),
  ),
  gauge('ccs_uncommitted_rows', [], 'Rows that are in no commit yet.', ({ status }) =>
    single(status.uncommittedRows),
  ),
  gauge('ccs_problem', ['kind'], 'Whether /healthz reports this problem: 1, else 0.', (one) =>
    byLabel('kind', {
      ...zeroes(PROBLEM_KINDS),
      ...Object.fromEntries(one.problems.map(({ kind }) => [kind, 1])),
    }),
  ),
  gauge(
    'ccs_queries_running',
    [],
    'Queries that run now, those of the live page included.',
    ({ usage }) => single(usage?.queries.running),
  ),
  gauge('ccs_queries_waiting', [], 'Queries that wait until others have ended.', ({ usage }) =>
    single(usage?.queries.waiting),
  ),
  counter(
    'ccs_queries_total',
    ['outcome'],
    'Queries by how they ended: answered, refused, too_large, timed_out, cancelled, stopped.',
    ({ usage }) => (usage ? byLabel('outcome', usage.queries.ended) : []),
  ),
  gauge(
    'ccs_disk_bytes',
    ['part'],
    'Size of the log, of the layers of the lake, and of the state, as of the last commit.',
    ({ disk }) => byLabel('part', disk.bytes),
  ),
  gauge(
    'ccs_disk_free_bytes',
    [],
    'Free space for this user on the disk of the data directory.',
    ({ disk }) => single(disk.freeBytes),
  ),
  gauge('ccs_duckdb_memory_bytes', [], 'What DuckDB has allocated.', ({ usage }) =>
    single(usage?.duckdbBytes),
  ),
  gauge(
    'ccs_dedupe_ids',
    ['kind'],
    'Ids that are remembered to find duplicates: of events, of orders.',
    ({ usage }) => (usage ? byLabel('kind', { event: usage.eventIds, order: usage.orderIds }) : []),
  ),
  gauge('ccs_dedupe_memory_bytes', [], 'Memory of the remembered ids.', ({ usage }) =>
    single(usage?.idBytes),
  ),
  gauge(
    'process_resident_memory_bytes',
    [],
    'Memory of the process, DuckDB and ids included.',
    (one) => single(one.resources.residentBytes),
  ),
  counter('process_cpu_seconds_total', [], 'CPU time of the process, user and system.', (one) =>
    single(one.resources.cpuSeconds),
  ),
  gauge('process_start_time_seconds', [], 'When the process was started.', (one) =>
    single(one.resources.startedSeconds),
  ),
]

/** What is known of each metric besides its values. */
export const METRIC_ABOUTS: readonly MetricAbout[] = [...METRICS, ...COLLECTOR_METRICS]

/** All metrics with their values. Pure. */
export function readEngineMetrics(reading: EngineReading): readonly MetricFamily[] {
  const { collected } = reading
  return [
    ...METRICS.map(({ read, ...about }) => ({ ...about, samples: read(reading) })),
    ...COLLECTOR_METRICS.map(({ read, ...about }) => {
      return { ...about, samples: collected ? read(collected) : [] }
    }),
  ]
}

function single(value: number | undefined): readonly MetricSample[] {
  return value === undefined ? [] : [{ value }]
}

function singleTime(time: string | null): readonly MetricSample[] {
  return time === null ? [] : single(Date.parse(time) / 1000)
}

function zeroes(names: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(names.map((name) => [name, 0]))
}

function readCommits({ vitals: { commits } }: EngineReading): readonly MetricSample[] {
  let sum = 0
  const buckets = COMMIT_BOUNDS_S.map((bound, index) => {
    sum += commits.buckets[index] ?? 0
    // OpenMetrics writes whole bounds with a fraction.
    const le = Number.isInteger(bound) ? `${bound}.0` : String(bound)
    return { suffix: '_bucket', labels: { le }, value: sum }
  })
  return [
    ...buckets,
    { suffix: '_bucket', labels: { le: '+Inf' }, value: commits.count },
    { suffix: '_count', value: commits.count },
    { suffix: '_sum', value: commits.sumMs / 1000 },
  ]
}
