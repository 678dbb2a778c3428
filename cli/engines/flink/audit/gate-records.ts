/** Reads the topics before and behind the gate, as a consumer of committed records sees them. */
import { createHash } from 'node:crypto'
import type { AuditSql } from '../../../domain/audit/catalog.ts'
import { auditGate, type GateRecord } from '../../../domain/audit/gate-accounts.ts'
import type { AuditFault, AuditRow, RejectSource } from '../../../domain/audit/log-accounts.ts'
import type { LogState } from '../../../domain/audit/log-state.ts'
import type { RegisteredSchema } from '../../../domain/avro/schema-registry.ts'
import { compileRejectDecoder } from '../../../domain/gate/reject-codec.ts'
import { formatCount } from '../../../domain/kernel/units.ts'
import type { TopicProgress } from '../../../domain/log/topic-progress.ts'
import type { TopicRange, TopicReader, TopicRecord } from '../../../domain/log/topic-reader.ts'
import { RAW_TOPIC } from '../../../domain/log/topics.ts'
import { missingTopicError } from '../query/missing-topic.ts'

/** Records of these ranges; without `hasHashes` they all look alike. */
async function* readGateRecords(
  reader: TopicReader,
  topic: string,
  { ranges, hasHashes }: { readonly ranges: readonly TopicRange[]; readonly hasHashes: boolean },
): AsyncGenerator<readonly GateRecord[]> {
  for (const range of ranges)
    for await (const { records } of reader.read(topic, range))
      yield records.map((one) => ({
        partition: range.partition,
        offset: one.offset,
        hash: hasHashes ? hashRecord(one) : '',
      }))
}

/** Records of events.raw that these rejects are of. */
async function* readRejected(
  reader: TopicReader,
  topic: string,
  {
    ranges,
    decode,
  }: {
    readonly ranges: readonly TopicRange[]
    readonly decode: (bytes: Uint8Array) => RejectSource | undefined
  },
): AsyncGenerator<readonly Omit<GateRecord, 'hash'>[]> {
  for (const range of ranges)
    for await (const { records } of reader.read(topic, range))
      yield records.flatMap(({ value }) => {
        const found = value === null ? undefined : decode(value)
        // Rows of imports never were in events.raw, and engines reject what the gate passed.
        if (found?.topic !== RAW_TOPIC || found.model !== null) return []
        return [{ partition: found.partition, offset: found.offset }]
      })
}

/** Half of a SHA-256 of value and key, which tells records of one partition apart. */
function hashRecord({ key, value }: TopicRecord): string {
  const hash = createHash('sha256')
  hash.update(value ?? '')
  hash.update('\0')
  hash.update(key ?? '')
  return hash.digest('base64url').slice(0, 22)
}

/** The topics of the gate, and how far it is. */
export interface GateSide {
  readonly reader: TopicReader
  readonly topics: { readonly raw: string; readonly valid: string; readonly dlq: string }
  readonly dlqSchemas: readonly RegisteredSchema[]
  /** Whether records pass with all their bytes unchanged. */
  readonly hasHashes: boolean
  /** By partition of events.raw the offset at which the gate goes on. */
  readonly readPositions: () => Promise<readonly TopicProgress[]>
}

/** What the accounts of the gate found; `rows` is empty where nothing could be compared. */
export interface GateResult {
  readonly rows: readonly AuditRow[]
  readonly faults: readonly AuditFault[]
  readonly remarks: readonly string[]
  readonly log: readonly LogState[]
}

/** Compares events.raw with events.valid and events.dlq, as far as the gate has read it. */
export async function runGateAccounts(plain: AuditSql, gate: GateSide): Promise<GateResult> {
  const { reader, topics, hasHashes } = gate
  const before = await gate.readPositions()
  const [valid, dlq] = await Promise.all([findRanges(gate, 'valid'), findRanges(gate, 'dlq')])
  // What came until now may be in them; what was read before they were looked at must be.
  const raw = await findRanges(gate, 'raw')
  const log = raw.map(({ partition, start, end }) => ({
    ...{ topic: RAW_TOPIC, partition, start, end, since: null },
    ...{ pruned: 0, lost: 0, erased: 0 },
  }))
  const named = { 'events.raw': raw, 'events.valid': valid, 'events.dlq': dlq }
  const short = Object.entries(named).find(([, all]) => all.some(({ start }) => start > 0))
  if (short !== undefined) {
    const remark = `events.raw was not compared: ${short[0]} has lost its first records.`
    return { rows: [], faults: [], remarks: [remark], log }
  }
  const decode = compileRejectDecoder(gate.dlqSchemas)
  const { row, faults } = await auditGate(plain, {
    raw: readGateRecords(reader, topics.raw, { ranges: raw, hasHashes }),
    valid: readGateRecords(reader, topics.valid, { ranges: valid, hasHashes }),
    rejected: readRejected(reader, topics.dlq, { ranges: dlq, decode }),
    read: new Map(before.map(({ partition, committed }) => [partition, committed ?? 0])),
  })
  const waiting = before.reduce((sum, one) => sum + countWaiting(one), 0)
  const remarks =
    waiting === 0
      ? []
      : [`${formatCount(waiting)} records of events.raw wait for the gate, and are not counted.`]
  return { rows: [row], faults, remarks, log }
}

async function findRanges(
  { reader, topics }: GateSide,
  name: keyof GateSide['topics'],
): Promise<readonly TopicRange[]> {
  const extent = await reader.inspect(topics[name])
  if (extent === undefined) throw missingTopicError(topics[name], reader.place)
  return extent.ranges
}

/** One record at the end may be the mark of a transaction. */
function countWaiting({ start, end, committed }: TopicProgress): number {
  const waiting = Math.max(0, end - Math.max(start, committed ?? 0))
  return waiting === 1 ? 0 : waiting
}
