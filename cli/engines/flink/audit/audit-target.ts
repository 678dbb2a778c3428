/**
 * The audit of a target whose job fills topics: the same accounts as on the embedded engine, over
 * what a consumer of committed records sees. Up to where the job has committed, each record of
 * events.raw is valid or rejected, each valid one is in Bronze once, and each model has the rows
 * that its SELECT gives over what it reads.
 */
import type { DuckConnection } from '../../../adapters/duckdb/duckdb.ts'
import { type AuditReport, audit } from '../../../domain/audit/audit.ts'
import { findStoredModels, makeAuditLogic } from '../../../domain/audit/catalog.ts'
import type { AuditLogInput } from '../../../domain/audit/log-accounts.ts'
import { parseRecordSchema } from '../../../domain/avro/schema.ts'
import type { SchemaRegistry } from '../../../domain/avro/schema-registry.ts'
import { appendAll } from '../../../domain/kernel/lists.ts'
import { formatCount } from '../../../domain/kernel/units.ts'
import type { TopicExtent, TopicRange, TopicReader } from '../../../domain/log/topic-reader.ts'
import { DLQ_TOPIC, RAW_TOPIC, VALID_TOPIC } from '../../../domain/log/topics.ts'
import { followReads } from '../../../domain/models/follow-reads.ts'
import type { GraphModel } from '../../../domain/models/graph.ts'
import type { Logic } from '../../../domain/models/logic.ts'
import { listClassifiedFields } from '../../../domain/privacy/field-classes.ts'
import { missingTopicError } from '../query/missing-topic.ts'
import type { SessionSpan } from '../query/plan-tables.ts'
import { type GateSide, runGateAccounts } from './gate-records.ts'
import { loadTopics } from './load-topics.ts'
import { printPendingSessions } from './pending-sessions.ts'
import { type AuditCut, type AuditedJob, type RestOptions, waitForRest } from './wait-for-rest.ts'

/** What is audited, and with what. */
export interface TargetAudit {
  readonly prefix: string
  /** The target's models as they are deployed, opened with `isDescribed`. */
  readonly logic: Logic
  readonly timezone: string
  readonly reader: TopicReader
  readonly registry: Pick<SchemaRegistry, 'byId'>
  readonly job: AuditedJob
  /** Full name of a model's topic; undefined: it has none. */
  readonly topicOf: (model: string) => string | undefined
  /** Which columns say whose and when a session is, by model. */
  readonly spans: ReadonlyMap<string, SessionSpan>
  /** How far the gate has read events.raw. */
  readonly gate: Pick<GateSide, 'readPositions'>
  /** Two empty DuckDBs that may spill. */
  readonly plain: DuckConnection
  readonly served: DuckConnection
  readonly scratchFile: (name: string) => string
  readonly nowMs: number
  readonly onProgress: (done: number, total: number) => void
  readonly rest?: RestOptions
}

/** Runs the audit. CCS_KAFKA_TOPIC for a topic that is missing. */
export async function auditTarget(options: TargetAudit): Promise<AuditReport> {
  const { logic, prefix, plain, job, rest, onProgress, nowMs, timezone } = options
  const cut = await waitForRest(job, rest)
  const remarks: string[] = describeJob(cut)
  const valid = await readValid(options, cut)
  const short = await findShortTopics(options)
  const whole = keepWhole(logic.graph, short)
  for (const name of short) remarks.push(describeShort(name, options.topicOf(name) ?? name))
  const steps = logic.graph.length + whole.length
  let done = 0
  const loaded = await loadTopics({
    ...options,
    graph: whole,
    columns: logic.columns,
    macrosSql: logic.macrosSql,
    ends: cut.ends,
    onRead: () => onProgress(++done, steps),
  })
  const moved = valid.unread + (await countNew(options, valid.extent))
  const stored = findStoredModels(whole)
  const graph = moved === 0 ? whole : whole.filter(({ model }) => stored.has(model.name))
  if (moved > 0) remarks.push(describeMoved(moved, cut))
  const watermarkMs = cut.status.watermark === null ? null : Date.parse(cut.status.watermark)
  const asOfMs = Date.parse(cut.status.lastCommit ?? '') || nowMs
  await options.served.run(`SET VARIABLE now_ms = ${asOfMs}::BIGINT`)
  const accounts = await audit({
    plain,
    served: options.served,
    logic: makeAuditLogic({ ...logic, graph }, { timezone, nowMs: asOfMs }),
    log: valid.input,
    tables: loaded,
    printPending: (name, relation) => {
      const span = options.spans.get(name)
      const model = graph.find((one) => one.model.name === name)?.model
      return span && model && printPendingSessions(model, span, { relation, watermarkMs })
    },
    scratchFile: options.scratchFile,
    onProgress: (index) => onProgress(whole.length + index, steps),
  })
  const raw = parseRecordSchema(logic.rawSchemas.at(-1)?.schema ?? '', RAW_TOPIC)
  const gate = await runGateAccounts(plain, {
    ...options,
    ...options.gate,
    dlqSchemas: logic.dlqSchemas,
    topics: {
      raw: `${prefix}${RAW_TOPIC}`,
      valid: `${prefix}${VALID_TOPIC}`,
      dlq: `${prefix}${DLQ_TOPIC}`,
    },
    hasHashes: listClassifiedFields(raw).length === 0,
  })
  appendAll(remarks, gate.remarks)
  const models = [...gate.rows, ...accounts.models]
  const faults = [...gate.faults, ...accounts.faults]
  return {
    ok: faults.length === 0 && models.every(({ remainder }) => remainder === 0),
    serial: cut.status.serial,
    asOf: new Date(asOfMs).toISOString(),
    ...{ models, faults, setAside: [], gaps: [], log: gate.log, remarks },
  }
}

interface ValidRecords {
  readonly input: AuditLogInput
  /** Records after the cut. */
  readonly unread: number
  readonly extent: TopicExtent
}

/** The records of events.valid, of which those before the cut must be in Bronze. */
async function readValid(
  { reader, prefix }: TargetAudit,
  { ends }: AuditCut,
): Promise<ValidRecords> {
  const topic = `${prefix}${VALID_TOPIC}`
  const extent = await reader.inspect(topic)
  if (extent === undefined) throw missingTopicError(topic, reader.place)
  const kept = new Map<number, { baseOffset: number; count: number }[]>()
  let unread = 0
  for (const range of extent.ranges) {
    const found = await readRuns(reader, topic, range)
    kept.set(range.partition, found)
    const end = ends.get(range.partition) ?? range.start
    for (const { baseOffset, count } of found)
      unread += Math.max(0, baseOffset + count - Math.max(end, baseOffset))
  }
  const input: AuditLogInput = {
    topic,
    ranges: extent.ranges.map(({ partition, start }) => {
      const end = Math.max(start, ends.get(partition) ?? start)
      return { partition, start, kept: start, end, shift: 0 }
    }),
    rejects: noRejects(),
    ...{ dlqEnd: 0, dlqKept: { start: 0, end: 0 }, lost: [] },
    countPrunedRejects: async () => 0,
    kept: async function* ({ partition }) {
      yield* kept.get(partition) ?? []
    },
  }
  return { input, unread, extent }
}

async function* noRejects(): AsyncGenerator<never> {}

/** Runs of offsets that have records: marks of transactions take offsets, too. */
async function readRuns(reader: TopicReader, topic: string, range: TopicRange) {
  const runs: { baseOffset: number; count: number }[] = []
  for await (const { records } of reader.read(topic, range))
    for (const { offset } of records) {
      const last = runs.at(-1)
      if (last && last.baseOffset + last.count === offset) last.count++
      else runs.push({ baseOffset: offset, count: 1 })
    }
  return runs
}

/** How many records came to events.valid since it was inspected. */
async function countNew({ reader, prefix }: TargetAudit, before: TopicExtent): Promise<number> {
  const topic = `${prefix}${VALID_TOPIC}`
  const now = await reader.inspect(topic)
  let found = 0
  for (const { partition, end } of now?.ranges ?? []) {
    const start = before.ranges.find((one) => one.partition === partition)?.end ?? 0
    for await (const { records } of reader.read(topic, { partition, start, end }))
      found += records.length
  }
  return found
}

/** Models whose topics of events have lost their beginning. */
async function findShortTopics(options: TargetAudit): Promise<readonly string[]> {
  const { logic, reader, topicOf } = options
  const short: string[] = []
  for (const { model } of logic.graph) {
    const topic = model.kind === 'stream' ? topicOf(model.name) : undefined
    if (topic === undefined) continue
    const extent = await reader.inspect(topic)
    if (extent === undefined) throw missingTopicError(topic, reader.place)
    if (extent.ranges.some(({ start }) => start > 0)) short.push(model.name)
  }
  return short
}

/** Those that read none of these, directly or not. */
function keepWhole(graph: readonly GraphModel[], short: readonly string[]): readonly GraphModel[] {
  const reads = new Map(graph.map((one) => [one.model.name, one.reads]))
  return graph.filter(({ model }) => {
    const all = followReads([model.name], (name) => reads.get(name))
    return !short.some((one) => all.has(one))
  })
}

function describeJob({ status }: AuditCut): string[] {
  return status.running ? [] : [`The job computes no rows (${status.stalled ?? 'not running'}).`]
}

function describeShort(model: string, topic: string): string {
  return (
    `${model} and what reads it were not compared: ${topic} has lost its first records ` +
    'to retention.'
  )
}

function describeMoved(count: number, { status }: AuditCut): string {
  const when = status.running ? 'arrived meanwhile or are not read yet' : 'are not read yet'
  return (
    `${formatCount(count)} records of events.valid ${when}: they are not counted, and models ` +
    'that aggregate were not compared. Audit them once nothing arrives.'
  )
}
