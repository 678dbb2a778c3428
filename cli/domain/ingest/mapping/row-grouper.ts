/** Collects the rows of a file into groups, in bounded memory. */
import {
  ROW_BYTES_MAX,
  RowFault,
  type RowValues,
  type SourceRow,
} from '../../documents/source-row.ts'
import { CcsError } from '../../kernel/errors.ts'
import type { RowKey } from './group-key.ts'
import { KeyCounts } from './key-counts.ts'

/** Rows that become one event, or one reject; `values` and `line` are those of the first. */
export interface RowGroup extends SourceRow {
  /** The first line of the group's last row. */
  readonly lastLine: number
  /** Number of rows in the file; `rows` has fewer if the group is a reject. */
  readonly rowCount: number
  /** The values of all rows, in the file's order. */
  readonly rows: readonly RowValues[]
}

/** What a scan of the whole file found. Keys are known by their hashes. */
export interface FileGroups {
  /** Keys that come back after other rows, with the number of their rows in the file. */
  readonly scattered: ReadonlyMap<number, number>
  /** Keys that a row which can't be read may have, with the line of that row. */
  readonly suspects: ReadonlyMap<number, number>
}

/** The file, for messages, and how much is held in memory. */
export interface GroupLimits {
  readonly file: string
  /** Rows of one group; more make it a reject. */
  readonly rowsMax: number
  /** Bytes of all rows that wait for others; more refuse the file. */
  readonly heldBytesMax: number
}

/** Push every row of a file in order, then end. */
export class RowGrouper {
  readonly #groups: FileGroups
  readonly #limits: GroupLimits
  readonly #held = new Map<string, OpenGroup>()
  #heldBytes = 0
  /** The group of the rows just read. */
  #run: OpenGroup | undefined
  /** The key of the last row that has a certain one. */
  #lastKey: string | undefined
  /** The first row since then that may belong to any group. */
  #gap: SourceRow | undefined
  #line = 0

  constructor(groups: FileGroups, limits: GroupLimits) {
    this.#groups = groups
    this.#limits = limits
  }

  /** Returns what this row completes: groups, and rows that are in none. */
  push(row: SourceRow, key: RowKey): readonly (SourceRow | RowGroup)[] {
    this.#line = row.line
    if (typeof key === 'object') {
      // It doesn't end the group around it, and is not held for it.
      const faulty = { ...row, values: key.fault }
      if (key.candidates.length === 0) this.#gap ??= { ...faulty, raw: NO_BYTES }
      return [faulty]
    }
    const gap = key === this.#lastKey ? this.#gap : undefined
    this.#lastKey = key
    this.#gap = undefined
    if (key !== undefined && key === this.#run?.key) {
      this.#run.add(row, gap)
      return []
    }
    const ready = this.#endRun()
    if (key === undefined) return [...ready, row]
    const total = this.#groups.scattered.get(KeyCounts.hash(key))
    if (total !== undefined) return [...ready, ...this.#hold(row, { key, total, gap })]
    this.#run = new OpenGroup(key, this.#limits.rowsMax, copy)
    this.#run.add(row, undefined)
    return ready
  }

  /** Returns what is left at the end of the file. */
  end(): readonly (SourceRow | RowGroup)[] {
    const ready = this.#endRun()
    const left = [...this.#held.values()].map((group) => this.#close(group, this.#line))
    this.#held.clear()
    return [...ready, ...left]
  }

  #endRun(): readonly RowGroup[] {
    const run = this.#run
    this.#run = undefined
    return run === undefined ? [] : [this.#close(run, run.lastLine)]
  }

  #hold(
    row: SourceRow,
    { key, total, gap }: { key: string; total: number; gap: SourceRow | undefined },
  ): readonly RowGroup[] {
    const group = this.#held.get(key) ?? new OpenGroup(key, this.#limits.rowsMax, pack)
    this.#held.set(key, group)
    this.#heldBytes -= group.bytes
    group.add(row, gap)
    if (group.count >= total) {
      this.#held.delete(key)
      return [this.#close(group, row.line)]
    }
    this.#heldBytes += group.bytes
    if (this.#heldBytes > this.#limits.heldBytesMax) this.#refuse(key)
    return []
  }

  #close(group: OpenGroup, lastLine: number): RowGroup {
    const { suspects } = this.#groups
    const suspect = suspects.size === 0 ? undefined : suspects.get(KeyCounts.hash(group.key))
    return group.close(lastLine, suspect)
  }

  #refuse(key: string): never {
    const { file, heldBytesMax } = this.#limits
    const first = this.#held.values().next().value?.line ?? 1
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

const NO_BYTES = new Uint8Array(0)

/** A row that is kept; as two texts it takes a fifth of the memory. */
type KeptRow = SourceRow | PackedRow

interface PackedRow {
  readonly line: number
  /** The bytes as latin1. */
  readonly packed: string
  /** As JSON; '' for a row that can't be read. */
  readonly json: string
}

/** The rows of a key so far. */
class OpenGroup {
  readonly key: string
  readonly #rowsMax: number
  readonly #keep: (row: SourceRow) => KeptRow
  #rows: KeptRow[] = []
  #fault: RowFault | undefined
  #isOver = false
  count = 0
  /** Of the rows that are kept. */
  bytes = 0
  line = 0
  lastLine = 0

  constructor(key: string, rowsMax: number, keep: (row: SourceRow) => KeptRow) {
    this.key = key
    this.#rowsMax = rowsMax
    this.#keep = keep
  }

  /** `gap`: the first row since the last one of this group, if it may belong to it. */
  add(row: SourceRow, gap: SourceRow | undefined): void {
    if (gap?.values instanceof RowFault) {
      const { reason, message } = gap.values
      const why = `line ${gap.line} stands between its rows and can't be read: ${message}`
      this.#fault ??= new RowFault(reason, why)
    }
    if (row.values instanceof RowFault) {
      const { reason, message } = row.values
      this.#fault ??= new RowFault(reason, `line ${row.line}: ${message}`)
    }
    if (this.count === 0) this.line = row.line
    this.count++
    this.lastLine = row.line
    if (this.#isOver) return
    const bytes = this.bytes + row.raw.length
    if (this.count > 1 && (this.count > this.#rowsMax || bytes > ROW_BYTES_MAX)) {
      this.#isOver = true
      this.#rows = this.#rows.slice(0, 1)
      this.bytes = this.#rows.reduce((sum, one) => sum + sizeOf(one), 0)
      return
    }
    this.bytes = bytes
    this.#rows.push(this.#keep(row))
  }

  /** `suspect`: the line of a row that can't be read and may belong to this group. */
  close(lastLine: number, suspect: number | undefined): RowGroup {
    const kept = this.#rows.map(unpack)
    const [first] = kept
    if (first === undefined) throw new RangeError('a group has at least one row')
    const values = kept.flatMap((row) => (row.values instanceof RowFault ? [] : [row.values]))
    return {
      ...first,
      raw: joinBytes(kept),
      lastLine,
      rowCount: this.count,
      values: this.#findFault(suspect) ?? first.values,
      rows: values,
    }
  }

  #findFault(suspect: number | undefined): RowFault | undefined {
    if (this.#isOver)
      return new RowFault(
        'too_large',
        `an order of ${this.count} rows; at most ${this.#rowsMax} rows and ` +
          `${ROW_BYTES_MAX} bytes are put together, and of this one only the first row is kept`,
      )
    if (this.#fault !== undefined || suspect === undefined) return this.#fault
    const why = `line ${suspect} can't be read and may be one of its rows`
    return new RowFault('wrong_type', why)
  }
}

/** Readers reuse the buffer behind `raw` for other rows. */
function copy(row: SourceRow): SourceRow {
  return { ...row, raw: Buffer.from(row.raw) }
}

function pack({ line, raw, values }: SourceRow): PackedRow {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.length)
  const json = values instanceof RowFault ? '' : JSON.stringify(values)
  return { line, packed: bytes.toString('latin1'), json }
}

function unpack(row: KeptRow): SourceRow {
  if ('raw' in row) return row
  const { line, packed, json } = row
  // What `pack` wrote: the values of a row.
  const values = json === '' ? UNREADABLE : (JSON.parse(json) as RowValues)
  return { line, raw: Buffer.from(packed, 'latin1'), values }
}

/** The group has the fault itself. */
const UNREADABLE = new RowFault('undecodable', '')

function sizeOf(row: KeptRow): number {
  return 'raw' in row ? row.raw.length : row.packed.length
}

const LINE_END = Buffer.from('\n')

/** The rows as they stand in the file, one below the other; at most ROW_BYTES_MAX. */
function joinBytes(rows: readonly SourceRow[]): Uint8Array {
  const [first] = rows
  if (rows.length === 1 && first !== undefined) return first.raw
  const parts = rows.flatMap(({ raw }, i) => (i === 0 ? [raw] : [LINE_END, raw]))
  return Buffer.concat(parts).subarray(0, ROW_BYTES_MAX)
}
