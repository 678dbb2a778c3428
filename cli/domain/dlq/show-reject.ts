/** `ccs dlq show`: everything that is known about one reject. */

import { escapeControls } from '../console/controls.ts'
import { decodeReadableText, formatHexDump } from '../console/hex-dump.ts'
import { wrapLine } from '../console/text.ts'
import { CcsError } from '../kernel/errors.ts'
import { parseJson } from '../kernel/json.ts'
import { appendAll } from '../kernel/lists.ts'
import { type DecodedRecord, toJsonValue } from '../log/decoded-record.ts'
import { frameRecords } from '../log/frame-records.ts'
import { DLQ_TOPIC } from '../log/topics.ts'
import { findSourceKey } from './duplicate-rejects.ts'
import { groupReject, isFingerprint } from './fingerprint.ts'
import { isoTime, type RejectPorts, readRejects } from './read-rejects.ts'
import type { ReplayLedger } from './replay-ledger.ts'

/** What `ccs dlq show --json` prints. */
export interface DlqRecord {
  readonly partition: number
  readonly offset: number
  /** When the reject was written, ISO 8601. */
  readonly appended: string
  readonly fingerprint: string
  readonly reason: string
  readonly message: string
  /** Position of the rejected record. */
  readonly source: { readonly topic: string; readonly partition: number; readonly offset: number }
  readonly firstSeen: string | null
  readonly schemaId: number | null
  /**
   * `file:line` of an imported row; `replay 2 of events.dlq-0:42` of a
   * replay that was rejected again.
   */
  readonly origin: string | null
  /** The model that fails on the record, for the reason model_failed. */
  readonly model: string | null
  readonly length: number
  /** The record's bytes as they arrived, base64; null: left out, as fields have a class. */
  readonly bytes: string | null
  /** The bytes as text, if they are readable text. */
  readonly text: string | null
  /** The event as read with a known schema, whatever rule it breaks; null if no schema fits. */
  readonly decoded: {
    readonly as: string
    readonly value: Readonly<Record<string, unknown>>
  } | null
  /** What the best fitting schema reads of damaged bytes; null: nothing, or everything. */
  readonly partial: PartialDecode | null
  /** The text parsed as JSON; null if it isn't JSON. */
  readonly json: unknown
  /** Whether `ccs dlq replay` has sent it, or another reject of the same record. */
  readonly isReplayed: boolean
}

/** The readable beginning of damaged bytes. */
export interface PartialDecode {
  readonly as: string
  /** Fields before the fault. */
  readonly value: Readonly<Record<string, unknown>>
  /** The field that can't be read; null: all can, and bytes are left over. */
  readonly field: string | null
  /** Byte offset of that field, or of the rest. */
  readonly stopsAt: number
  readonly fault: string
}

/** What is needed to show a reject. */
export interface DlqShowPorts extends RejectPorts {
  /** Tries each known schema; `as` says which one fits. */
  readonly decodeByAnySchema: (
    bytes: Uint8Array,
  ) => Promise<(DecodedRecord & { readonly as: string }) | undefined>
  readonly decodeBeginning: (bytes: Uint8Array) => Promise<PartialDecode | undefined>
  readonly ledger: ReplayLedger
}

/**
 * Returns the position of a reject: as given, or of the newest with that fingerprint. Throws
 * CCS_USAGE_INVALID if there is none.
 */
export async function findReject(
  ports: RejectPorts,
  text: string,
): Promise<{ readonly partition: number; readonly offset: number }> {
  if (!isFingerprint(text)) return parseRejectRef(text)
  let found: { readonly partition: number; readonly offset: number } | undefined
  let seenMs = Number.NEGATIVE_INFINITY
  for await (const entries of readRejects(ports))
    for (const { partition, offset, group, reject } of entries) {
      if (group.fingerprint !== text || (reject?.first_seen ?? seenMs) < seenMs) continue
      found = { partition, offset }
      seenMs = reject?.first_seen ?? seenMs
    }
  if (found) return found
  throw new CcsError('CCS_USAGE_INVALID', `No reject has the fingerprint ${text}.`, {
    hint: 'List the rejects: ccs dlq ls',
  })
}

/** Parses `7` (partition 0, offset 7) or `1:7` (partition 1). */
export function parseRejectRef(text: string): { partition: number; offset: number } {
  const match = /^(?:(\d{1,9}):)?(\d{1,15})$/.exec(text)
  if (match) return { partition: Number(match[1] ?? 0), offset: Number(match[2]) }
  throw new CcsError('CCS_USAGE_INVALID', `"${text}" is not an offset of events.dlq.`, {
    hint: 'Write an offset, partition:offset or a fingerprint, as ccs dlq ls prints them: 1:42.',
  })
}

/** Throws CCS_USAGE_INVALID if there is no such record. */
export async function showReject(
  { log, decode, decodeByAnySchema, decodeBeginning, ledger, sources = [] }: DlqShowPorts,
  { partition, offset }: { readonly partition: number; readonly offset: number },
): Promise<DlqRecord> {
  const { start, end } = await log.range(DLQ_TOPIC, partition)
  if (offset < start || offset >= end) throw rejectNotFound(partition, offset, { start, end })
  const reader = await log.reader(DLQ_TOPIC, partition, offset)
  try {
    const [frame] = await reader.read(1)
    const [record] = frame ? frameRecords(frame) : []
    if (!record) throw rejectNotFound(partition, offset, { start, end })
    const reject = decode(record.bytes)
    const bytes = Buffer.from(reject?.bytes ?? record.bytes)
    const decoded = await decodeByAnySchema(bytes)
    const text = decodeReadableText(bytes) ?? null
    await ledger.refresh()
    const sourceKey = reject && findSourceKey(sources, partition, reject)
    return {
      partition,
      offset,
      appended: new Date(record.appendMs).toISOString(),
      fingerprint: groupReject(reject).fingerprint,
      reason: reject?.reason ?? 'unreadable',
      message: reject?.message ?? 'The record is not a reject.',
      source: {
        topic: reject?.topic ?? DLQ_TOPIC,
        partition: reject?.partition ?? partition,
        offset: reject?.offset ?? offset,
      },
      firstSeen: reject ? isoTime(reject.first_seen) : null,
      schemaId: reject?.schema_id ?? null,
      origin: reject?.origin ?? null,
      model: reject?.model ?? null,
      length: bytes.length,
      bytes: bytes.toString('base64'),
      text,
      decoded: decoded?.value ? { as: decoded.as, value: decoded.value } : null,
      partial: decoded?.value ? null : ((await decodeBeginning(bytes)) ?? null),
      json: text === null ? null : parseInner(text),
      isReplayed: ledger.isReplayed({ partition, offset, sourceKey }),
    }
  } finally {
    await reader.close()
  }
}

/** Parses objects and lists; null for other text. */
function parseInner(text: string): unknown {
  return /^\s*[[{]/.test(text) ? (parseJson(text) ?? null) : null
}

function rejectNotFound(
  partition: number,
  offset: number,
  { start, end }: { readonly start: number; readonly end: number },
): CcsError {
  const has = end > start ? `it holds ${start} to ${end - 1}` : 'it is empty'
  return new CcsError(
    'CCS_USAGE_INVALID',
    `Partition ${partition} of events.dlq has no record ${offset}: ${has}.`,
    { hint: 'List the rejects: ccs dlq ls' },
  )
}

const HIDDEN = ', left out as fields have a class: --plain shows them'
const DUMP_BYTES = 1024
/** Width of the text, and of the names of fields in it. */
const COLUMNS = 80
const FIELD_COLUMNS = 12

/** Renders a reject in at most 80 columns, except for its origin and values. */
export function renderReject(record: DlqRecord): string[] {
  const { partition, offset, source, text, decoded, partial } = record
  const field = (name: string, value: unknown) =>
    `${name.padEnd(FIELD_COLUMNS)}${printable(String(value))}`
  const lines = [
    field('record', `${partition}:${offset}, written ${record.appended}`),
    field('reason', record.reason),
    ...wrapLine(field('message', record.message), COLUMNS, FIELD_COLUMNS),
    field('fingerprint', record.fingerprint),
    field('from', `${source.topic}-${source.partition}, offset ${source.offset}`),
    field('first seen', record.firstSeen ?? 'unknown'),
    field('schema id', record.schemaId ?? 'unknown'),
  ]
  if (record.origin !== null) lines.push(field('origin', record.origin))
  if (record.model !== null) lines.push(field('model', record.model))
  if (record.isReplayed) lines.push(field('replayed', 'yes, it was sent again'))
  lines.push('', `${record.length} bytes${record.bytes === null ? HIDDEN : ''}`)
  if (record.bytes !== null)
    appendAll(lines, formatHexDump(Buffer.from(record.bytes, 'base64'), DUMP_BYTES))
  if (text !== null && text !== '') lines.push('', 'as text', ...text.slice(0, 4096).split(/\r?\n/))
  if (decoded) lines.push('', `as ${decoded.as}`, ...renderValues(decoded.value))
  if (partial) {
    const { as, value, field: broken, stopsAt, fault } = partial
    lines.push('', `the beginning as ${as}`, ...renderValues(value))
    const rest = broken === null ? 'all fields can be read' : `${broken} can't be read`
    lines.push(`  stops at byte ${stopsAt} (0x${stopsAt.toString(16)}): ${rest}; ${fault}`)
  }
  return lines
}

function renderValues(value: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(value)
    .filter(([, one]) => one !== null)
    .map(([name, one]) => `  ${name.padEnd(16)} ${printable(JSON.stringify(toJsonValue(one)))}`)
}

function printable(text: string): string {
  return escapeControls(text)
}
