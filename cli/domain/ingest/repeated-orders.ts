/**
 * Finds orders that an import brings again with other contents. Of the purchases of one order the
 * first that arrives counts, so an order whose rows lie in two files would lose those of the second
 * without a word. A fingerprint of each imported order (of its id, and of its event) is kept in the
 * log, in a partition of ccs.imports, so that later imports find what earlier ones brought.
 */
import { createHash } from 'node:crypto'
import { quoteShellWord } from '../kernel/shell-word.ts'
import { crc32c } from '../log/crc32c.ts'
import type { EventLog } from '../log/event-log.ts'
import { readRecords } from '../log/frame-records.ts'
import { RecordBatch } from '../log/record-batch.ts'
import { IMPORTS_TOPIC } from '../log/topics.ts'
import type { ContractField } from './mapping/event-contract.ts'
import type { EventFields } from './mapping/mapping-spec.ts'
import { type OpenSpill, RecordSorter } from './record-sorter.ts'

/** Orders that came again with other contents. */
export interface RepeatedOrders {
  /** Number of such orders of this run. */
  readonly orders: number
  /** One of them: its id, where it came again, and where it was before; null: in an earlier run. */
  readonly example: {
    readonly orderId: string
    readonly origin: string
    readonly before: string | null
  } | null
}

/** Partition of ccs.imports with the fingerprints; 0 has the ledger. */
export const ORDERS_PARTITION = 1

const SORT_BYTES = 16 * 1024 * 1024
const READ_BYTES = 1024 * 1024

/** The offset from which on the fingerprints of a run that begins now are kept. */
export async function nextOrderOffset(log: EventLog): Promise<number> {
  if (!(await log.partitions(IMPORTS_TOPIC)).includes(ORDERS_PARTITION)) return 0
  return (await log.range(IMPORTS_TOPIC, ORDERS_PARTITION)).end
}

/** Words of the id's SHA-256 (three of 32 bits) and the CRC of the event's contents. */
const PRINT_BYTES = 16
const EARLIER = 0
const OWN = 1
/** Kept since this run began: by an interrupted process of it, or by another run in between. */
const SINCE = 2

/** A purchase as it was read from a file. */
export interface ImportedOrder {
  readonly orderId: string
  readonly event: EventFields
  readonly fields: readonly ContractField[]
  /** The encoded event. */
  readonly record: Uint8Array
  /** `file:line` */
  readonly origin: string
}

/** Add all purchases of a run, then call `find` once. */
export class OrderPrints {
  readonly #sorter: RecordSorter

  constructor(openSpill: OpenSpill) {
    this.#sorter = new RecordSorter(openSpill, SORT_BYTES)
  }

  get isFull(): boolean {
    return this.#sorter.isFull
  }

  spill(): Promise<void> {
    return this.#sorter.spill()
  }

  add({ orderId, event, fields, record, origin }: ImportedOrder): void {
    const digest = createHash('sha256').update(orderId).digest()
    const print = Buffer.alloc(PRINT_BYTES)
    digest.copy(print, 0, 0, PRINT_BYTES - 4)
    const contents = Buffer.from(describeContents(event, orderFields(fields)))
    print.writeUInt32LE(crc32c(contents), PRINT_BYTES - 4)
    const own: OwnOrder = [orderId, origin, crc32c(record)]
    this.#add(OWN, Buffer.concat([print, Buffer.from(JSON.stringify(own))]))
  }

  /** Equal ids stand together, those of earlier imports first. */
  #add(tag: number, print: Buffer): void {
    this.#sorter.add(print.readUInt32LE(0) * 2 ** 21 + (print.readUInt32LE(4) >>> 11), tag, print)
  }

  /**
   * Compares with the orders of earlier imports and, with `writesTo`, keeps the new ones there,
   * under the name of that owner. Reads nothing if the run has no purchase. Doing it again for an
   * interrupted run finds the same: fingerprints from the offset `runFrom` on are not of earlier
   * imports if the run has the same ones.
   */
  async find(
    log: EventLog,
    writesTo:
      | { readonly owner: string; readonly atMs: number; readonly runFrom: number | undefined }
      | undefined,
  ): Promise<RepeatedOrders> {
    const found: { orders: number; example: RepeatedOrders['example'] } = {
      orders: 0,
      example: null,
    }
    if (this.#sorter.count === 0) return found
    await this.#addEarlier(log, writesTo?.runFrom ?? Number.POSITIVE_INFINITY)
    const fresh = new RecordBatch()
    const writer = writesTo && (await log.writer(IMPORTS_TOPIC, ORDERS_PARTITION, writesTo.owner))
    const append = async () => {
      if (writer && writesTo && fresh.count > 0) await writer.append(fresh, writesTo.atMs)
      fresh.clear()
    }
    try {
      const sorted = await this.#sorter.sorted()
      const batch = new RecordBatch()
      const group = new OrderGroup()
      while (!sorted.isAtEnd) {
        batch.clear()
        await sorted.read(batch, { bytesMax: READ_BYTES }, (tag, print) => {
          if (!group.has(print)) finish(group, found, fresh)
          group.add(tag, print)
        })
        if (fresh.bytes >= READ_BYTES) await append()
      }
      finish(group, found, fresh)
      await append()
    } finally {
      await writer?.close()
    }
    return found
  }

  async #addEarlier(log: EventLog, runFrom: number): Promise<void> {
    if (!(await log.partitions(IMPORTS_TOPIC)).includes(ORDERS_PARTITION)) return
    const { start: from } = await log.range(IMPORTS_TOPIC, ORDERS_PARTITION)
    const place = { topic: IMPORTS_TOPIC, partition: ORDERS_PARTITION, from }
    for await (const { records } of readRecords(log, place))
      for (const { offset, bytes } of records) {
        this.#add(offset < runFrom ? EARLIER : SINCE, bytes)
        if (this.#sorter.isFull) await this.#sorter.spill()
      }
  }

  close(): Promise<void> {
    return this.#sorter.close()
  }
}

/** A field, with what does not change from event to event. */
interface DescribedField {
  readonly name: string
  readonly fallback: unknown
  /** Its name as text, with a colon. */
  readonly label: string
  readonly fallbackText: string
  readonly inner: readonly DescribedField[]
}

const describedFields = new WeakMap<readonly ContractField[], readonly DescribedField[]>()

/** The fields in the order of their names. */
function orderFields(fields: readonly ContractField[]): readonly DescribedField[] {
  const known = describedFields.get(fields)
  if (known) return known
  const described = fields.map(({ name, fallback, fields: inner }) => ({
    ...{ name, fallback, label: `${toText(name)}:`, fallbackText: toText(fallback) },
    inner: orderFields(inner),
  }))
  described.sort((a, b) => (a.label < b.label ? -1 : 1))
  describedFields.set(fields, described)
  return described
}

/**
 * The values of an event as text. It is the same whatever version of the schema they are written
 * with: fields that have no value, or their default, are not part of it.
 */
function describeContents(values: EventFields, fields: readonly DescribedField[]): string {
  let described = ''
  for (const { name, fallback, label, fallbackText, inner } of fields) {
    const value = values[name] ?? fallback
    const lines = Array.isArray(value) && inner.length > 0 ? value : undefined
    const text = lines
      ? lines.map((line: EventFields) => describeContents(line, inner)).join()
      : toText(value)
    if (text === (lines ? '' : fallbackText)) continue
    described += `${described === '' ? '' : ','}${label}${text}`
  }
  return `{${described}}`
}

/** JSON, with whole numbers of any size as texts. */
function toText(value: unknown): string {
  if (value === null || typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return `"${value}"`
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}` : part)) ?? ''
}

/** Earlier versions of ccs kept the CRC of the record, which names the version of its schema. */
type OwnOrder = readonly [orderId: string, origin: string, recordCrc: number]

/** The fingerprints of one order, of earlier imports and of this run. */
class OrderGroup {
  #id = Buffer.alloc(0)
  readonly earlier = new Set<number>()
  readonly since = new Set<number>()
  /** By the CRC of their contents. */
  readonly own = new Map<number, OwnOrder>()

  get id(): Buffer {
    return this.#id
  }

  has(print: Uint8Array): boolean {
    return this.#id.length > 0 && this.#id.equals(print.subarray(0, PRINT_BYTES - 4))
  }

  add(tag: number, bytes: Uint8Array): void {
    const print = Buffer.from(bytes) // a copy: the record is valid during the call alone
    this.#id = print.subarray(0, PRINT_BYTES - 4)
    const crc = print.readUInt32LE(PRINT_BYTES - 4)
    if (tag === EARLIER) this.earlier.add(crc)
    else if (tag === SINCE) this.since.add(crc)
    // `add` of OrderPrints wrote it.
    else if (!this.own.has(crc)) this.own.set(crc, JSON.parse(print.toString('utf8', PRINT_BYTES)))
  }

  clear(): void {
    this.#id = Buffer.alloc(0)
    this.earlier.clear()
    this.since.clear()
    this.own.clear()
  }
}

function finish(
  group: OrderGroup,
  found: { orders: number; example: RepeatedOrders['example'] },
  fresh: RecordBatch,
): void {
  const { earlier, since } = group
  for (const crc of group.own.keys()) {
    if (earlier.has(crc) || since.has(crc)) continue
    const print = Buffer.alloc(PRINT_BYTES)
    group.id.copy(print)
    print.writeUInt32LE(crc, PRINT_BYTES - 4)
    fresh.add(print)
  }
  const own = [...group.own].filter(
    ([crc, [, , recordCrc]]) => !earlier.has(crc) && !earlier.has(recordCrc),
  )
  const fromBefore = earlier.size > 0 || [...since].some((crc) => !group.own.has(crc))
  const again = fromBefore ? own[0] : own[1]
  if (again) {
    found.orders++
    const [, [orderId, origin]] = again
    const before = fromBefore ? null : (own[0]?.[1][1] ?? null)
    found.example ??= { orderId, origin, before }
  }
  group.clear()
}

/** Sentences for the user; none if there are no such orders. */
export function describeRepeatedOrders({ orders, example }: RepeatedOrders): readonly string[] {
  if (example === null) return []
  const { orderId, origin, before } = example
  const came = orders === 1 ? '1 order comes' : `${orders} orders come`
  return [
    `${came} again with other contents${before === null ? ' than in an earlier import' : ''}.`,
    'Of an order the first purchase counts; the others are left out of all numbers.',
    `For example ${orderId}: ${origin}${before === null ? '' : `, before in ${before}`}. See:`,
    `  ccs why ${quoteShellWord(orderId)}`,
    'If these are rows of one order, put them into one file and group them in the mapping.',
  ]
}
