/**
 * What a load has to do: the days of which the warehouse has other files than the lake's copy. The
 * ledger in the warehouse says what it has; its rows change in the transaction that changes the
 * rows of the table, so it is never ahead of them nor behind.
 */
import { createHash } from 'node:crypto'
import { CcsError } from '../kernel/errors.ts'
import { appendAll } from '../kernel/lists.ts'
import type { CopiedFile, CopyManifest } from '../lake/s3/copy-manifest.ts'
import {
  dayOf,
  displayTable,
  findWarehouseTable,
  type WarehouseSchemas,
  type WarehouseTable,
} from './warehouse-table.ts'

/** What the warehouse has of one day of a table. */
export interface LedgerRow {
  /** Table of the lake, such as `silver.orders`. */
  readonly source: string
  readonly day: string
  /** Which data directory it came from. */
  readonly lake: string
  readonly generation: number
  readonly serial: number
  /** Of the names and checksums of its files. */
  readonly sha256: string
  readonly rows: number
}

/** One day of a table as the copy has it. */
export interface LoadDay {
  readonly day: string
  readonly files: readonly CopiedFile[]
  readonly sha256: string
  readonly rows: number
  readonly bytes: number
}

/** Days of a table that are replaced in one transaction. */
export interface LoadGroup {
  readonly table: WarehouseTable
  readonly days: readonly LoadDay[]
}

/** All files of a group. */
export function listFiles({ days }: LoadGroup): readonly CopiedFile[] {
  return days.flatMap(({ files }) => files)
}

/** Days that the lake no longer has: their rows go. */
export interface LoadRemoval {
  readonly table: WarehouseTable
  readonly days: readonly string[]
}

/** The work of a load, in its order. */
export interface LoadPlan {
  readonly groups: readonly LoadGroup[]
  readonly removals: readonly LoadRemoval[]
  /** Days that the warehouse has as they are. */
  readonly unchangedDays: number
  /** Days that `day` left out although they differ: table and day. */
  readonly otherDays: readonly string[]
}

/** What a plan is made of. */
export interface LoadPlanInput {
  readonly manifest: CopyManifest
  readonly ledger: readonly LedgerRow[]
  /** Tables of the lake whose table in the warehouse is there; others are loaded whole. */
  readonly present: ReadonlySet<string>
  readonly schemas: WarehouseSchemas
  /** Only this day; undefined: all. */
  readonly day?: string | undefined
  /** The warehouse's rows may be those of another data directory. */
  readonly isTakenOver?: boolean | undefined
}

/** In one transaction: enough that a year is few of them, and a COPY stays short. */
const DAYS_MAX = 31
const BYTES_MAX = 512 * 1024 ** 2

/** CCS_WAREHOUSE_REFUSED: it has rows of another data directory. Pure. */
export function planLoad(input: LoadPlanInput): LoadPlan {
  const { manifest, ledger, present, schemas, day } = input
  const foreign = ledger.find((row) => row.lake !== manifest.lake)
  if (foreign && !input.isTakenOver)
    throw new CcsError(
      'CCS_WAREHOUSE_REFUSED',
      'The warehouse has rows of another data directory, which a load would replace.',
      { hint: 'If this one takes its place, after a restore for example: --take-over' },
    )
  const known = new Map(ledger.map((row) => [`${row.source} ${row.day}`, row]))
  const groups: LoadGroup[] = []
  const removals: LoadRemoval[] = []
  const otherDays: string[] = []
  let unchangedDays = 0
  const sources = new Set([
    ...manifest.files.map((file) => file.table),
    ...ledger.map((row) => row.source),
  ])
  for (const source of [...sources].sort()) {
    const table = findWarehouseTable(source, schemas)
    if (!table) continue
    const days = listDays(table, manifest.files)
    const changed = days.filter((one) => {
      const row = present.has(source) ? known.get(`${source} ${one.day}`) : undefined
      return row?.sha256 !== one.sha256 && !isNewer(row, manifest)
    })
    unchangedDays += days.length - changed.length
    const chosen = changed.filter((one) => day === undefined || one.day === day)
    for (const one of changed)
      if (!chosen.includes(one)) otherDays.push(`${displayTable(table)} ${one.day}`)
    appendAll(groups, splitDays(table, chosen))
    const gone = ledger
      .filter((row) => row.source === source && present.has(source) && !isNewer(row, manifest))
      .map((row) => row.day)
      .filter((one) => !days.some((found) => found.day === one))
      .filter((one) => day === undefined || one === day)
    if (gone.length > 0) removals.push({ table, days: gone.toSorted() })
  }
  return { groups, removals, unchangedDays, otherDays }
}

function listDays(table: WarehouseTable, files: readonly CopiedFile[]): readonly LoadDay[] {
  const byDay = new Map<string, CopiedFile[]>()
  for (const file of files) {
    if (file.table !== table.source) continue
    const day = dayOf(table, file.partition)
    if (day === undefined)
      throw new CcsError('CCS_S3_INVALID', `${file.key} is in no folder of a day (${table.day}=…).`)
    byDay.set(day, [...(byDay.get(day) ?? []), file])
  }
  return [...byDay]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([day, found]) => {
      const sorted = found.toSorted((a, b) => (a.key < b.key ? -1 : 1))
      return {
        ...{ day, files: sorted, sha256: hashFiles(sorted) },
        rows: sorted.reduce((sum, { rows }) => sum + rows, 0),
        bytes: sorted.reduce((sum, { bytes }) => sum + bytes, 0),
      }
    })
}

function hashFiles(files: readonly CopiedFile[]): string {
  const hash = createHash('sha256')
  for (const { key, rows, bytes, crc32 } of files) hash.update(`${key} ${rows} ${bytes} ${crc32}\n`)
  return hash.digest('hex')
}

/** Whether the warehouse has a later commit of this lake than the manifest. */
export function isNewer(row: LedgerRow | undefined, manifest: CopyManifest): boolean {
  if (!row || row.lake !== manifest.lake) return false
  if (row.generation !== manifest.generation) return row.generation > manifest.generation
  return row.serial > manifest.serial
}

/** A file without its day goes alone: the day is added when its rows are inserted. */
function splitDays(table: WarehouseTable, days: readonly LoadDay[]): readonly LoadGroup[] {
  const groups: LoadDay[][] = []
  let bytes = 0
  for (const day of days) {
    const last = groups.at(-1)
    bytes += day.bytes
    const isFull = table.contract || !last || last.length >= DAYS_MAX || bytes > BYTES_MAX
    if (isFull) {
      groups.push([day])
      bytes = day.bytes
    } else last.push(day)
  }
  return groups.map((one) => ({ table, days: one }))
}
