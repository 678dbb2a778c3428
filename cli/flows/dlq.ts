/** `ccs dlq`: what was rejected, by kind, and one reject with everything that is known of it. */

import type { RejectedEvent } from '../core/contracts.ts'
import { CcsError, EXIT } from '../core/errors.ts'
import { frameRecords } from '../core/frame-records.ts'
import { hexLines, readableText } from '../core/hex.ts'
import type { EventLog } from '../core/ports.ts'
import { rejectKind } from '../core/reject-kind.ts'
import { formatCount } from '../core/units.ts'
import { DLQ_TOPIC } from './rejects.ts'
import type { Decoded } from './tail.ts'

export interface RejectGroup {
  /** Reason code; `unreadable` for records of the topic that are no rejects. */
  readonly reason: string
  /** The message with its values replaced by `…`. */
  readonly kind: string
  readonly count: number
  /** ISO 8601, of when the records first came. */
  readonly firstSeen: string | null
  readonly lastSeen: string | null
  /** `<partition>:<offset>` of the newest, for `ccs dlq show`. */
  readonly sample: string
}

export interface DlqList {
  readonly total: number
  /** Most frequent first. */
  readonly groups: readonly RejectGroup[]
}

export interface DlqPorts {
  readonly log: EventLog
  /** undefined for bytes that are no reject. */
  readonly decode: (bytes: Uint8Array) => RejectedEvent | undefined
}

const READ_BYTES = 4 * 1024 * 1024

interface Tally {
  readonly reason: string
  readonly kind: string
  count: number
  firstMs: number
  lastMs: number
  sample: string
}

/** Reads the topic once; memory follows the number of kinds. `onProgress` gets rejects read and in all. */
export async function listRejects(
  { log, decode }: DlqPorts,
  onProgress: (done: number, total: number) => void,
): Promise<DlqList> {
  const tallies = new Map<string, Tally>()
  const partitions = await log.partitions(DLQ_TOPIC)
  const ranges = await Promise.all(partitions.map((one) => log.range(DLQ_TOPIC, one)))
  const inAll = ranges.reduce((sum, { start, end }) => sum + end - start, 0)
  let total = 0
  for (const [index, partition] of partitions.entries()) {
    const reader = await log.reader(DLQ_TOPIC, partition, ranges[index]?.start ?? 0)
    try {
      for (;;) {
        const frames = await reader.read(READ_BYTES)
        if (frames.length === 0) break
        for (const frame of frames)
          for (const { offset, bytes } of frameRecords(frame)) {
            note(tallies, decode(bytes), `${partition}:${offset}`)
            total++
          }
        onProgress(total, inAll)
      }
    } finally {
      await reader.close()
    }
  }
  const groups = [...tallies.values()].sort(
    (a, b) => b.count - a.count || (a.kind < b.kind ? -1 : 1),
  )
  return {
    total,
    groups: groups.map(({ reason, kind, count, firstMs, lastMs, sample }) => {
      const firstSeen = isoTime(firstMs)
      return { reason, kind, count, firstSeen, lastSeen: isoTime(lastMs), sample }
    }),
  }
}

function note(
  tallies: Map<string, Tally>,
  reject: RejectedEvent | undefined,
  sample: string,
): void {
  const reason = reject?.reason ?? 'unreadable'
  const kind = reject ? rejectKind(reject.message) : 'The record is no reject.'
  const seenMs = reject?.first_seen ?? Number.NaN
  const found = tallies.get(`${reason} ${kind}`)
  if (!found) {
    tallies.set(`${reason} ${kind}`, {
      reason,
      kind,
      count: 1,
      firstMs: seenMs,
      lastMs: seenMs,
      sample,
    })
    return
  }
  found.count++
  if (seenMs < found.firstMs) found.firstMs = seenMs
  if (seenMs >= found.lastMs) {
    found.lastMs = seenMs
    found.sample = sample
  }
}

function isoTime(ms: number): string | null {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : null
}

export interface DlqRecord {
  readonly partition: number
  readonly offset: number
  /** When the reject was written, ISO 8601. */
  readonly appended: string
  readonly reason: string
  readonly message: string
  /** Where the rejected record came from. */
  readonly source: { readonly topic: string; readonly partition: number; readonly offset: number }
  readonly firstSeen: string | null
  readonly schemaId: number | null
  /** `file:line` of an imported row. */
  readonly origin: string | null
  readonly length: number
  /** The record exactly as it arrived, base64. */
  readonly bytes: string
  /** The bytes as text, where they are readable text. */
  readonly text: string | null
  /** What the bytes give when read by a known schema, whatever rule they break; null: by none. */
  readonly decoded: {
    readonly as: string
    readonly value: Readonly<Record<string, unknown>>
  } | null
}

export interface DlqShowPorts extends DlqPorts {
  /** Tries the known schemas. */
  readonly guess: (bytes: Uint8Array) => Promise<(Decoded & { readonly as: string }) | undefined>
}

/** `7` is offset 7 of the engine's partition 0, `1:7` one of partition 1. */
export function parseRejectRef(text: string): { partition: number; offset: number } {
  const match = /^(?:(\d{1,9}):)?(\d{1,15})$/.exec(text)
  if (match) return { partition: Number(match[1] ?? 0), offset: Number(match[2]) }
  throw new CcsError('CCS_USAGE_INVALID', `"${text}" is no offset of events.dlq.`, {
    exit: EXIT.usage,
    hint: 'Write an offset, or partition:offset as ccs dlq ls prints it: 1:42.',
  })
}

/** CCS_USAGE_INVALID when there is no such record. */
export async function showReject(
  { log, decode, guess }: DlqShowPorts,
  { partition, offset }: { readonly partition: number; readonly offset: number },
): Promise<DlqRecord> {
  const { start, end } = await log.range(DLQ_TOPIC, partition)
  if (offset < start || offset >= end) throw noReject(partition, offset, { start, end })
  const reader = await log.reader(DLQ_TOPIC, partition, offset)
  try {
    const [frame] = await reader.read(1)
    const [record] = frame ? frameRecords(frame) : []
    if (!record) throw noReject(partition, offset, { start, end })
    const reject = decode(record.bytes)
    const bytes = Buffer.from(reject?.bytes ?? record.bytes)
    const decoded = await guess(bytes)
    return {
      partition,
      offset,
      appended: new Date(record.appendMs).toISOString(),
      reason: reject?.reason ?? 'unreadable',
      message: reject?.message ?? 'The record is no reject.',
      source: {
        topic: reject?.topic ?? DLQ_TOPIC,
        partition: reject?.partition ?? partition,
        offset: reject?.offset ?? offset,
      },
      firstSeen: reject ? isoTime(reject.first_seen) : null,
      schemaId: reject?.schema_id ?? null,
      origin: reject?.origin ?? null,
      length: bytes.length,
      bytes: bytes.toString('base64'),
      text: readableText(bytes) ?? null,
      decoded: decoded?.value ? { as: decoded.as, value: decoded.value } : null,
    }
  } finally {
    await reader.close()
  }
}

function noReject(
  partition: number,
  offset: number,
  { start, end }: { readonly start: number; readonly end: number },
): CcsError {
  const has = end > start ? `it holds ${start} to ${end - 1}` : 'it is empty'
  return new CcsError(
    'CCS_USAGE_INVALID',
    `Partition ${partition} of events.dlq has no record ${offset}: ${has}.`,
    { exit: EXIT.usage, hint: 'See what there is: ccs dlq ls' },
  )
}

/** A group as two lines for a person: counts and times, then what its rejects say. */
export function groupLines(groups: readonly RejectGroup[], width: number): string[] {
  const columns = (count: string, reason: string, first: string, last: string, sample: string) =>
    `${count.padStart(9)}  ${reason.padEnd(17)}  ${first.padEnd(16)}  ${last.padEnd(16)}  ${sample}`
  const minute = (time: string | null) => time?.slice(0, 16).replace('T', ' ') ?? ''
  return [
    columns('count', 'reason', 'first seen', 'last seen', 'sample'),
    ...groups.flatMap(({ count, reason, kind, firstSeen, lastSeen, sample }) => {
      const said = printable(kind)
      return [
        columns(formatCount(count), reason, minute(firstSeen), minute(lastSeen), sample),
        `${' '.repeat(11)}${said.length > width - 11 ? `${said.slice(0, width - 12)}…` : said}`,
      ]
    }),
  ]
}

const DUMP_BYTES = 1024

/** A reject for a person, at most 80 columns but for its message, its origin and its values. */
export function rejectLines(record: DlqRecord): string[] {
  const { partition, offset, source, text, decoded } = record
  const field = (name: string, value: unknown) => `${name.padEnd(12)}${printable(String(value))}`
  const lines = [
    field('record', `${partition}:${offset}, written ${record.appended}`),
    field('reason', record.reason),
    field('message', record.message),
    field('from', `${source.topic}-${source.partition}, offset ${source.offset}`),
    field('first seen', record.firstSeen ?? 'unknown'),
    field('schema id', record.schemaId ?? 'unknown'),
  ]
  if (record.origin !== null) lines.push(field('origin', record.origin))
  lines.push('', `${record.length} bytes`)
  lines.push(...hexLines(Buffer.from(record.bytes, 'base64'), DUMP_BYTES))
  if (text !== null && text !== '') lines.push('', 'as text', ...text.slice(0, 4096).split(/\r?\n/))
  if (decoded) {
    lines.push('', `as ${decoded.as}`)
    for (const [name, value] of Object.entries(decoded.value))
      if (value !== null) lines.push(`  ${name.padEnd(16)} ${printable(JSON.stringify(value))}`)
  }
  return lines
}

function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, ' ')
}
