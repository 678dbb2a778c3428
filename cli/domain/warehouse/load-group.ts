/**
 * Loads days of one table: stage, check, replace. Until the last statement nothing is visible, and
 * a connection that ends at any statement before it leaves the warehouse as it was.
 */
import { CcsError } from '../kernel/errors.ts'
import type { CopyManifest } from '../lake/s3/copy-manifest.ts'
import type { FoundFile, FoundFiles } from './check-files.ts'
import { findColumnType } from './column-type.ts'
import { isNewer, type LedgerRow, type LoadGroup, listFiles } from './load-plan.ts'
import {
  copyStage,
  countStage,
  createStage,
  deleteDays,
  dropStage,
  insertLedger,
  insertStage,
  type LoadOrigin,
  lockLedger,
  measureStage,
  type Stage,
  selectLedgerDays,
} from './load-statements.ts'
import {
  mergeColumns,
  planTableChange,
  readStoredTable,
  selectColumns,
  type TableColumn,
} from './table-columns.ts'
import type { Warehouse, WarehouseRow } from './warehouse.ts'
import { displayTable, type WarehouseSchemas } from './warehouse-table.ts'

/** What a group is loaded with. */
export interface GroupContext {
  readonly warehouse: Warehouse
  readonly schemas: WarehouseSchemas
  /** ARN, or `default`. */
  readonly role: string
  readonly manifest: CopyManifest
  readonly origin: LoadOrigin
  /** Writes the list of files of a stage where Redshift finds it; returns its URL. */
  readonly writeList: (stage: Stage) => Promise<string>
}

/** Those of a group, of all that were read. */
export function pickFiles(group: LoadGroup, found: FoundFiles): readonly FoundFile[] {
  return listFiles(group).flatMap(({ key }) => found.get(key) ?? [])
}

/** Files by their columns: a COPY takes files of one layout. The columns have types of Redshift. */
export function listStages(files: readonly FoundFile[]): readonly Stage[] {
  const byLayout = new Map<string, { columns: TableColumn[]; files: FoundFile['file'][] }>()
  for (const { file, footer } of files) {
    if (typeof footer === 'string') continue
    const columns = footer.columns.flatMap((column) => {
      const type = findColumnType(column)
      return typeof type === 'string' ? [{ name: column.name.toLowerCase(), type }] : []
    })
    const layout = JSON.stringify(columns)
    const found = byLayout.get(layout) ?? { columns, files: [] }
    found.files.push(file)
    byLayout.set(layout, found)
  }
  return [...byLayout.values()].map((one, at) => ({ name: `ccs_stage_${at + 1}`, ...one }))
}

/** Resolves with false if another loader has loaded them meanwhile. */
export async function loadGroup(
  group: LoadGroup,
  stages: readonly Stage[],
  context: GroupContext,
): Promise<boolean> {
  const { warehouse, schemas, role, manifest, origin, writeList } = context
  const { table, days } = group
  const names = days.map(({ day }) => day)
  const counts = new Map<string, number>()
  const longest = new Map<string, number>()
  for (const stage of stages) {
    await warehouse.run(createStage(stage))
    await warehouse.run(copyStage(stage, await writeList(stage), role))
    for (const { day, n } of await warehouse.run(countStage(group, stage)))
      counts.set(String(day), (counts.get(String(day)) ?? 0) + Number(n))
    const measure = measureStage(stage)
    const [lengths] = measure ? await warehouse.run(measure) : []
    for (const [name, bytes] of Object.entries(lengths ?? {}))
      longest.set(name, Math.max(longest.get(name) ?? 0, Number(bytes ?? 0)))
  }
  requireRows(group, counts)
  const stored = readStoredTable(await warehouse.run(selectColumns(table)))
  const needed = mergeColumns(
    table,
    stages.map(({ columns }) => columns),
  )
  const change = planTableChange(table, stored, needed, longest)
  for (const statement of change.before) await warehouse.run(statement)
  await warehouse.run('BEGIN')
  await warehouse.run(lockLedger(schemas))
  const rows = await warehouse.run(selectLedgerDays(schemas, table, names))
  const isDone = stored !== undefined && isLoadedElsewhere(rows.map(readLedgerRow), group, manifest)
  if (isDone) await warehouse.run('ROLLBACK')
  else {
    for (const statement of [
      ...change.within,
      ...deleteDays(schemas, table, names),
      ...stages.map((stage) => insertStage(group, stage)),
      insertLedger(schemas, table, days, origin),
      'COMMIT',
    ])
      await warehouse.run(statement)
  }
  for (const stage of stages) await warehouse.run(dropStage(stage))
  return !isDone
}

/** What a loader that was faster has done: all of it, or something newer. */
function isLoadedElsewhere(
  rows: readonly LedgerRow[],
  { days }: LoadGroup,
  manifest: CopyManifest,
): boolean {
  return days.every(({ day, sha256 }) => {
    const row = rows.find((one) => one.day === day)
    return row?.lake === manifest.lake && (row.sha256 === sha256 || isNewer(row, manifest))
  })
}

/** Of the ledger. */
export function readLedgerRow(row: WarehouseRow): LedgerRow {
  return {
    source: row.source ?? '',
    day: row.day ?? '',
    lake: row.lake ?? '',
    generation: Number(row.generation),
    serial: Number(row.serial),
    sha256: (row.sha256 ?? '').trim(),
    rows: Number(row.rows),
  }
}

function requireRows({ table, days }: LoadGroup, counts: ReadonlyMap<string, number>): void {
  const known = new Set(days.map(({ day }) => day))
  const other = [...counts.keys()].find((day) => !known.has(day))
  const wrong = days.find(({ day, rows }) => (counts.get(day) ?? 0) !== rows)
  if (!wrong && other === undefined) return
  const text = wrong
    ? `Redshift copied ${counts.get(wrong.day) ?? 0} rows of ${displayTable(table)} for ` +
      `${wrong.day}, and the files have ${wrong.rows}.`
    : `Redshift copied rows of ${other} for ${displayTable(table)} from files of other days.`
  throw new CcsError('CCS_WAREHOUSE_REFUSED', `${text} They were not inserted.`, {
    hint: 'Repeat it. If it stays so, compare the files with: ccs lake verify --s3',
  })
}
