/**
 * Puts rows with equal keys together, for files that write one order in several rows. It stands
 * between the reader of a file and the mapper.
 *
 * Rows of one order usually follow each other; such a group is complete when another key comes.
 * For keys that come back later in the file, `scanGroups` counts the rows first, and the rows are
 * held until all of them are there. A file whose rows lie too far apart is refused before anything
 * is written. So no group is ever cut in two. Memory stays bounded: a group of too many rows or
 * bytes is a reject of which only the first row is kept, and rows without a key are never held.
 *
 * A row that can't be read makes its group a reject: if its key can be read, as one of the group's
 * rows; otherwise it is a reject of its own, and so are the group that it stands in and those whose
 * key it may have.
 */

import type { RowReader, SourceRow } from '../../documents/source-row.ts'
import type { EventContract } from './event-contract.ts'
import type { ReadKey, RowKey } from './group-key.ts'
import { KeyCounts } from './key-counts.ts'
import { type FileGroups, type RowGroup, RowGrouper } from './row-grouper.ts'

/** Rows that wait for the rest of their group may have this many bytes in the file. */
export const HELD_BYTES_MAX = 16 * 1024 * 1024

/** Some rows of an order make no line, such as those of shipping and taxes. */
const ROWS_PER_LINE = 10
const LINES_MAX = 5_000

/** How many rows an order may have: ten times the lines that the contract allows. */
export function limitGroupRows({ fields }: EventContract): number {
  const lines = fields.find(({ kind }) => kind === 'items')?.maxItems ?? LINES_MAX
  return lines * ROWS_PER_LINE
}

/** The file to scan, when to stop, and who is told how far it is. */
export interface GroupScan {
  readonly file: string
  readonly signal: AbortSignal
  /** Gets the bytes that were read so far; the file is read up to two times. */
  readonly onBytes: (bytes: number) => void
  /** As `limitGroupRows` gives it. */
  readonly rowsMax: number
  /** HELD_BYTES_MAX by default. */
  readonly heldBytesMax?: number
}

/** What is known of a file that was not scanned. */
export const NO_GROUPS: FileGroups = { scattered: new Map(), suspects: new Map() }

/**
 * Reads a whole file and finds the keys whose rows don't follow each other, and those that rows
 * which can't be read may have. Throws CCS_IMPORT_INVALID if rows lie too far apart to be held in
 * memory. A signal ends it early: then the result is not complete.
 */
export async function scanGroups(
  open: () => Promise<RowReader>,
  bind: (reader: RowReader) => ReadKey | undefined,
  { file, signal, onBytes, rowsMax, heldBytesMax = HELD_BYTES_MAX }: GroupScan,
): Promise<FileGroups> {
  const counts = new KeyCounts()
  const suspects = new KeyCounts()
  let last: string | undefined
  let bytesTotal = 0
  await readKeys({ open, bind, signal }, (rows, { bytes, total }) => {
    for (const { row, key } of rows) {
      if (typeof key === 'object') {
        for (const candidate of key.candidates) suspects.keepFirst(candidate, row.line)
        continue
      }
      if (key !== undefined) counts.add(key, key !== last)
      last = key
    }
    bytesTotal = total
    onBytes(bytes)
  })
  const groups = { scattered: counts.scattered(), suspects: suspects.within(counts) }
  if (groups.scattered.size === 0 || signal.aborted) return groups
  const grouper = new RowGrouper(groups, { file, rowsMax, heldBytesMax })
  await readKeys({ open, bind, signal }, (rows, { bytes }) => {
    for (const { row, key } of rows) grouper.push(row, key)
    onBytes(bytesTotal + bytes)
  })
  return groups
}

interface KeyReading {
  readonly open: () => Promise<RowReader>
  readonly bind: (reader: RowReader) => ReadKey | undefined
  readonly signal: AbortSignal
}

interface KeyedRow {
  readonly row: SourceRow
  readonly key: RowKey
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
      const keyed = rows.map((row) => ({ row, key: readKey?.(row) }))
      onRows(keyed, { bytes: reader.bytesRead(), total: reader.bytesTotal })
      if (signal.aborted) return
    }
  } finally {
    await reader.close()
  }
}

/** How the rows of a file are grouped. */
export interface Grouping {
  readonly file: string
  /** undefined: each row is a group. */
  readonly readKey: ReadKey | undefined
  readonly groups: FileGroups
  readonly rowsMax: number
}

/** The groups of a file, in the order in which they are complete. */
export async function* groupRows(
  reader: RowReader,
  { file, readKey, groups, rowsMax }: Grouping,
): AsyncGenerator<readonly (SourceRow | RowGroup)[]> {
  if (readKey === undefined) {
    yield* reader.batches()
    return
  }
  const limits = { file, rowsMax, heldBytesMax: Number.POSITIVE_INFINITY }
  const grouper = new RowGrouper(groups, limits)
  for await (const rows of reader.batches())
    yield rows.flatMap((row) => grouper.push(row, readKey(row)))
  yield grouper.end()
}
