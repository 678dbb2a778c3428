/**
 * Puts rows with equal keys together, for files that write one order in several rows. It stands
 * between the reader of a file and the mapper.
 *
 * Rows of one order usually follow each other; such a group is complete when another key comes.
 * For keys that come back later in the file, `scanGroups` counts the rows first, and the rows are
 * held until all of them are there. A file whose rows lie too far apart is refused before anything
 * is written. So no group is ever cut in two, and memory stays bounded.
 */

import {
  ROW_BYTES_MAX,
  RowFault,
  type RowReader,
  type RowValues,
  type SourceRow,
} from '../../documents/source-row.ts'
import { CcsError } from '../../kernel/errors.ts'
import { KeyCounts } from './key-counts.ts'
import type { MappingSpec } from './mapping-spec.ts'
import { type MappedFile, RowColumns } from './row-columns.ts'

/** Rows that become one event; `values` and `line` are those of the first. */
export interface RowGroup extends SourceRow {
  /** The first line of the group's last row. */
  readonly lastLine: number
  /** The values of all rows, in the file's order. */
  readonly rows: readonly RowValues[]
}

/** Returns the key of a row; undefined: the row has none and is a group of its own. */
export type ReadKey = (values: RowValues) => string | undefined

/** Keys that come back after other rows, with the number of their rows in the file. */
export type ScatteredKeys = ReadonlyMap<number, number>

/** Rows that wait for the rest of their group may have this many bytes in the file. */
export const HELD_BYTES_MAX = 16 * 1024 * 1024

/** Returns how rows are grouped; undefined if the mapping has no `group`. */
export function bindGroupKey(spec: MappingSpec, source: MappedFile): ReadKey | undefined {
  if (spec.group === undefined) return undefined
  const columns = new RowColumns(spec, source)
  const reads = spec.group.map((path) => columns.text(path, true, 'row'))
  return (values) => {
    const context = { row: values, root: values, rows: [values], line: 0, eventType: '' }
    const texts = reads.map((read) => read(context))
    if (texts.some((text) => text instanceof RowFault)) return undefined
    return texts.every((text) => text === undefined) ? undefined : JSON.stringify(texts)
  }
}

/** The file to scan, when to stop, and who is told how far it is. */
export interface GroupScan {
  readonly file: string
  readonly signal: AbortSignal
  /** Gets the bytes that were read so far; the file is read up to two times. */
  readonly onBytes: (bytes: number) => void
  /** HELD_BYTES_MAX by default. */
  readonly heldBytesMax?: number
}

/**
 * Reads a whole file and finds the keys whose rows don't follow each other. Throws
 * CCS_IMPORT_INVALID if they lie too far apart to be held in memory. A signal ends it early: then
 * the result is not complete.
 */
export async function scanGroups(
  open: () => Promise<RowReader>,
  bind: (reader: RowReader) => ReadKey | undefined,
  { file, signal, onBytes, heldBytesMax = HELD_BYTES_MAX }: GroupScan,
): Promise<ScatteredKeys> {
  const counts = new KeyCounts()
  let last: string | undefined
  let bytesTotal = 0
  await readKeys({ open, bind, signal }, (rows, { bytes, total }) => {
    for (const { key } of rows) {
      if (key !== undefined) counts.add(key, key !== last)
      last = key
    }
    bytesTotal = total
    onBytes(bytes)
  })
  const scattered = counts.scattered()
  if (scattered.size === 0 || signal.aborted) return scattered
  const grouper = new RowGrouper(scattered, { file, heldBytesMax })
  await readKeys({ open, bind, signal }, (rows, { bytes }) => {
    for (const { row, key } of rows) grouper.push(row, key)
    onBytes(bytesTotal + bytes)
  })
  return scattered
}

interface KeyReading {
  readonly open: () => Promise<RowReader>
  readonly bind: (reader: RowReader) => ReadKey | undefined
  readonly signal: AbortSignal
}

interface KeyedRow {
  readonly row: SourceRow
  readonly key: string | undefined
}

async function readKeys(
  { open, bind, signal }: KeyReading,
  onRows: (
    rows: readonly KeyedRow[],
    read: { readonly bytes: number; readonly total: number },
  ) => void,
): Promise<void> {
  const reader = await open()
  try {
    const readKey = bind(reader)
    for await (const rows of reader.batches()) {
      const keyed = rows.map((row) => ({
        row,
        key: row.values instanceof RowFault ? undefined : readKey?.(row.values),
      }))
      onRows(keyed, { bytes: reader.bytesRead(), total: reader.bytesTotal })
      if (signal.aborted) return
    }
  } finally {
    await reader.close()
  }
}

/** The groups of a file, in the order of their last rows; without a key each row is a group. */
export async function* groupRows(
  reader: RowReader,
  readKey: ReadKey | undefined,
  scattered: ScatteredKeys,
  file: string,
): AsyncGenerator<readonly (SourceRow | RowGroup)[]> {
  if (readKey === undefined) {
    yield* reader.batches()
    return
  }
  const grouper = new RowGrouper(scattered, { file, heldBytesMax: Number.POSITIVE_INFINITY })
  for await (const rows of reader.batches())
    yield rows.flatMap((row) =>
      grouper.push(row, row.values instanceof RowFault ? undefined : readKey(row.values)),
    )
  yield grouper.end()
}

interface GroupLimits {
  readonly file: string
  readonly heldBytesMax: number
}

/** A row that waits for others: as two texts it takes a fifth of the memory. */
interface HeldRow {
  readonly line: number
  /** The bytes as latin1. */
  readonly raw: string
  /** As JSON. */
  readonly values: string
}

interface OpenGroup {
  readonly rows: HeldRow[]
  bytes: number
}

/** Collects rows into groups; push every row of a file in order, then end. */
class RowGrouper {
  readonly #scattered: ScatteredKeys
  readonly #limits: GroupLimits
  readonly #held = new Map<string, OpenGroup>()
  #heldBytes = 0
  /** The group of the rows just read, and faulty rows between them. */
  #key: string | undefined
  #run: SourceRow[] = []
  #faults: SourceRow[] = []
  #line = 0

  constructor(scattered: ScatteredKeys, limits: GroupLimits) {
    this.#scattered = scattered
    this.#limits = limits
  }

  /** Returns the groups that this row completes, in the order of their last rows. */
  push(row: SourceRow, key: string | undefined): readonly (SourceRow | RowGroup)[] {
    this.#line = row.line
    // A row that can't be read doesn't end the group around it.
    if (row.values instanceof RowFault && this.#run.length > 0) {
      this.#faults.push(copy(row))
      return []
    }
    if (key !== undefined && key === this.#key) {
      this.#run.push(copy(row))
      return []
    }
    const ready = this.#endRun()
    if (key === undefined) return [...ready, row]
    const total = this.#scattered.get(KeyCounts.hash(key))
    if (total !== undefined) return [...ready, ...this.#hold(row, key, total)]
    this.#key = key
    this.#run.push(copy(row))
    return ready
  }

  /** Returns what is left at the end of the file. */
  end(): readonly (SourceRow | RowGroup)[] {
    const ready = this.#endRun()
    const left = [...this.#held.values()].map(({ rows }) => joinRows(rows.map(unpack), this.#line))
    this.#held.clear()
    return [...ready, ...left]
  }

  #endRun(): readonly (SourceRow | RowGroup)[] {
    const [run, faults] = [this.#run, this.#faults]
    if (run.length === 0) return []
    this.#key = undefined
    this.#run = []
    this.#faults = []
    const group = joinRows(run, run.at(-1)?.line ?? 0)
    if (faults.length === 0) return [group]
    const before = faults.filter(({ line }) => line < group.lastLine)
    return [...before, group, ...faults.slice(before.length)]
  }

  #hold(row: SourceRow, key: string, total: number): readonly RowGroup[] {
    const group = this.#held.get(key) ?? { rows: [], bytes: 0 }
    this.#held.set(key, group)
    group.rows.push(pack(row))
    group.bytes += row.raw.length
    this.#heldBytes += row.raw.length
    if (group.rows.length >= total) {
      this.#held.delete(key)
      this.#heldBytes -= group.bytes
      return [joinRows(group.rows.map(unpack), row.line)]
    }
    if (this.#heldBytes > this.#limits.heldBytesMax) this.#refuse(key)
    return []
  }

  #refuse(key: string): never {
    const { file, heldBytesMax } = this.#limits
    const first = this.#held.values().next().value?.rows[0]?.line ?? 1
    throw new CcsError(
      'CCS_IMPORT_INVALID',
      `${this.#held.size} groups of rows in ${file} are spread over more than ` +
        `${heldBytesMax} bytes, so that they can't be put together in memory.`,
      {
        location: { file, line: first },
        hint: `Sort the file by the columns of "group"; one of the groups is ${key}.`,
      },
    )
  }
}

/** Readers reuse the buffer behind `raw` for other rows. */
function copy(row: SourceRow): SourceRow {
  return { ...row, raw: Buffer.from(row.raw) }
}

function pack({ line, raw, values }: SourceRow): HeldRow {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.length)
  return { line, raw: bytes.toString('latin1'), values: JSON.stringify(values) }
}

function unpack({ line, raw, values }: HeldRow): SourceRow {
  // What `pack` wrote: the values of a row.
  return { line, raw: Buffer.from(raw, 'latin1'), values: JSON.parse(values) as RowValues }
}

function joinRows(rows: readonly SourceRow[], lastLine: number): RowGroup {
  const [first] = rows
  if (first === undefined) throw new RangeError('a group has at least one row')
  const values = rows.flatMap((row) => (row.values instanceof RowFault ? [] : [row.values]))
  return { ...first, raw: joinBytes(rows), lastLine, rows: values }
}

const LINE_END = Buffer.from('\n')

/** The rows as they stand in the file, one below the other; at most ROW_BYTES_MAX. */
function joinBytes(rows: readonly SourceRow[]): Uint8Array {
  const [first] = rows
  if (rows.length === 1 && first !== undefined) return first.raw
  const parts = rows.flatMap(({ raw }, i) => (i === 0 ? [raw] : [LINE_END, raw]))
  return Buffer.concat(parts).subarray(0, ROW_BYTES_MAX)
}
