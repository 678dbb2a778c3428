/** `ccs tail`: prints the records of a topic, decoded, existing ones and new ones. */

import { escapeControls } from '../console/controls.ts'
import { formatHexPrefix } from '../console/hex-dump.ts'
import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'
import { type DecodeRecord, toJsonValue } from '../log/decoded-record.ts'
import type { EventLog, LogReader } from '../log/event-log.ts'
import { frameRecords } from '../log/frame-records.ts'

/** A record as `--format json` prints it, one per line. */
export interface TailRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** When it was appended, ISO 8601. */
  readonly appended: string
  readonly bytes: number
  /** From Confluent's header; null: the record has no such header. */
  readonly schemaId: number | null
  /** undefined: it could not be decoded; `problem` says why, and `hex` shows its beginning. */
  readonly value?: Readonly<Record<string, unknown>>
  readonly problem?: string
  /** The first bytes in hexadecimal; left out where fields have a class. */
  readonly hex?: string
}

/** What tail reads from and prints to. */
export interface TailPorts {
  readonly log: EventLog
  readonly clock: Clock
  readonly decode: DecodeRecord
  /** Gets records in order per partition; resolves when more can be printed. */
  readonly emit: (record: TailRecord) => Promise<void>
}

/** Which records to print. */
export interface TailOptions {
  readonly topic: string
  /** Default: all partitions. */
  readonly partition?: number
  /** An offset applies to each partition; one that has expired means the start. */
  readonly from: number | 'start' | 'end'
  readonly isFollowing: boolean
  readonly limit?: number
  readonly stop: AbortSignal
}

const READ_BYTES = 1024 * 1024
const IDLE_MS = 100
const HEX_BYTES = 24

/** Returns how many records were printed. Partitions created meanwhile are followed too. */
export async function tailTopic(ports: TailPorts, options: TailOptions): Promise<number> {
  const { stop, limit = Number.POSITIVE_INFINITY } = options
  const readers = new Map<number, LogReader>()
  let given = 0
  const isFull = () => given >= limit || stop.aborted
  try {
    await openReaders(ports.log, options, readers, true)
    while (!isFull()) {
      const before = given
      for (const reader of readers.values()) {
        for (const frame of await reader.read(READ_BYTES)) {
          for (const { topic, partition, offset, appendMs, bytes } of frameRecords(frame)) {
            if (isFull()) return given
            const decoded = await ports.decode(bytes)
            const isReadable = decoded.value !== undefined
            await ports.emit({
              ...{ topic, partition, offset, appended: new Date(appendMs).toISOString() },
              ...{ bytes: bytes.length, ...decoded },
              ...(isReadable ? {} : { hex: formatHexPrefix(bytes, HEX_BYTES) }),
            })
            given++
          }
        }
      }
      if (given > before) continue
      if (!options.isFollowing) break
      await ports.clock.sleep(IDLE_MS, stop)
      await openReaders(ports.log, options, readers, false)
    }
    return given
  } finally {
    for (const reader of readers.values()) await reader.close()
  }
}

async function openReaders(
  log: EventLog,
  { topic, partition: only, from, isFollowing }: TailOptions,
  readers: Map<number, LogReader>,
  isFirst: boolean,
): Promise<void> {
  const there = await log.partitions(topic)
  const wanted = only === undefined ? there : there.filter((one) => one === only)
  if (isFirst && wanted.length === 0 && !isFollowing) throw await topicNotFound(topic, only, there)
  for (const partition of wanted) {
    if (readers.has(partition)) continue
    const { start, end } = await log.range(topic, partition)
    // All records of a partition that appears while following are new, so
    // it is read from its start.
    const at = from === 'start' || !isFirst ? start : from === 'end' ? end : Math.max(start, from)
    readers.set(partition, await log.reader(topic, partition, Math.min(at, end)))
  }
}

async function topicNotFound(
  topic: string,
  partition: number | undefined,
  there: readonly number[],
): Promise<CcsError> {
  const what = partition === undefined ? `topic ${topic}` : `partition ${partition} of ${topic}`
  const have = there.length > 0 ? `It has ${there.join(', ')}.` : ''
  return new CcsError('CCS_USAGE_INVALID', `The log has no ${what}. ${have}`.trim(), {
    hint: 'See events.raw or events.dlq; create events with ccs gen, or wait with --follow.',
  })
}

/** Renders a record as one line of text. */
export function renderTailRecord(record: TailRecord): string {
  const { partition, offset, appended, value, problem, hex, bytes } = record
  const head = `${partition}:${offset}  ${appended}`
  if (value === undefined) return `${head}  (${bytes} bytes, ${problem}) ${hex ?? ''}`.trimEnd()
  const said = Object.entries(value).filter(
    ([, one]) => one !== null && !(Array.isArray(one) && one.length === 0),
  )
  return `${head}  ${said.map(([name, one]) => `${name}=${renderValue(one)}`).join(' ')}`
}

function renderValue(value: unknown): string {
  if (value instanceof Uint8Array) return `0x${formatHexPrefix(value, HEX_BYTES)}`
  const text = typeof value === 'object' ? JSON.stringify(toJsonValue(value)) : String(value)
  const isQuoted = /[\s"]/.test(text) && typeof value === 'string'
  return escapeControls(isQuoted ? JSON.stringify(text) : text)
}
