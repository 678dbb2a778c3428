/**
 * `ccs audit` accounts for every record: where each one sent is now. From the log through Bronze
 * and Silver to Gold, every model's SELECT is run as an ordinary query over what it reads, and
 * compared with the rows that are stored or served. The engine's incremental state is only ever one
 * side of a comparison.
 */
import { CcsError } from '../kernel/errors.ts'
import { appendAll } from '../kernel/lists.ts'
import { quoteName, quoteText } from '../kernel/sql-text.ts'
import type { LogGap } from '../lake/manifest.ts'
import type { GraphModel } from '../models/graph.ts'
import type { Model } from '../models/model.ts'
import {
  type AuditLogic,
  type AuditSql,
  createAuditCatalog,
  findStoredModels,
  type TableFiles,
} from './catalog.ts'
import { describeColumns, keyedSql, type RowColumn } from './compare.ts'
import { runHeaderAudits } from './header-audits.ts'
import { type AuditFault, type AuditLogInput, type AuditRow, auditLog } from './log-accounts.ts'
import type { LogState } from './log-state.ts'
import {
  type ActualRows,
  auditGroupedModel,
  auditRowModel,
  type ModelAudit,
  type RowShape,
} from './model-accounts.ts'

/** The document of `ccs audit`. */
export interface AuditReport {
  readonly ok: boolean
  /** The commit that was audited; null: nothing was committed yet. */
  readonly serial: number | null
  /** When that commit was made, ISO 8601. */
  readonly asOf: string | null
  readonly models: readonly AuditRow[]
  readonly faults: readonly AuditFault[]
  /** Of the rejected records, those that a model failed on, by model. */
  readonly setAside: readonly { readonly model: string; readonly count: number }[]
  /** Records without rows, because the log had lost them; they are not counted as faults. */
  readonly gaps: readonly LogGap[]
  /** Where the log begins and ends, partition by partition of events.raw. */
  readonly log: readonly LogState[]
  /** What was not compared, and why: one sentence each. */
  readonly remarks: readonly string[]
}

/** How to audit. */
export interface AuditRun {
  readonly onProgress?: (done: number, total: number) => void
  /** DuckDB's memory; what needs more spills into the data directory. */
  readonly memoryLimitBytes?: number
}

/** What an audit reads: two DuckDBs, the models, the log and the lake's files. */
export interface AuditInput {
  /** An empty DuckDB of the audit's own. */
  readonly plain: AuditSql
  /** The rows as the engine serves them from the same commit; its clock is `logic.nowMs`. */
  readonly served: AuditSql
  readonly logic: AuditLogic
  readonly log: AuditLogInput
  readonly tables: TableFiles
  /**
   * SELECT of the keys of rows of `relation` that the engine need not have yet; absent, or
   * undefined for a model: it must have all.
   */
  readonly printPending?: (model: string, relation: string) => string | undefined
  /** Path for a new Parquet file that both DuckDBs can use. */
  readonly scratchFile: (name: string) => string
  readonly onProgress: (done: number, total: number) => void
}

/** The accounts and faults of all models. */
export type AuditAccounts = Pick<AuditReport, 'models' | 'faults'>

/**
 * Audits all models in topological order. Throws CCS_MODEL_INVALID if a SELECT can't be run, and
 * CCS_CHECK_FAILED if stored rows lack a column.
 */
export async function audit(input: AuditInput): Promise<AuditAccounts> {
  const { plain, logic, onProgress } = input
  await createAuditCatalog(plain, logic, input.tables)
  const models: AuditRow[] = []
  const faults: AuditFault[] = []
  for (const [index, one] of logic.graph.entries()) {
    onProgress(index, logic.graph.length)
    const { row, faults: found } = await auditModel(input, one)
    models.push(row)
    appendAll(faults, found)
  }
  return { models, faults }
}

async function auditModel(input: AuditInput, one: GraphModel): Promise<ModelAudit> {
  const { plain, logic, log } = input
  const { model, reads } = one
  const [first = ''] = reads
  const source = logic.graph.find((other) => other.model.name === first)
  const rows = locateRows(input, one)
  try {
    const accounts = !source
      ? await auditLog(plain, model.name, log)
      : rows.isGrouped
        ? await auditGroupedModel(plain, one, first, {
            actualRows: rows.actual,
            printPending: (relation) => input.printPending?.(model.name, relation),
          })
        : await auditRowModel(plain, one, source.model, rows.actual)
    const broken = await runHeaderAudits(rows.sql, model, rows.relation)
    return { row: accounts.row, faults: [...accounts.faults, ...broken] }
  } catch (cause) {
    if (cause instanceof CcsError) throw cause
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new CcsError('CCS_MODEL_INVALID', `${model.name} can't be audited: ${message.trim()}`, {
      location: { file: model.file, line: model.sqlLine },
      hint: `Check that it runs by itself: ccs query "SELECT * FROM ${model.name}"`,
      cause,
    })
  }
}

interface ModelRows {
  /** Whether a row aggregates several source rows. */
  readonly isGrouped: boolean
  readonly actual: ActualRows
  /** The DuckDB and relation from which the model's rows can be read once `actual` has run. */
  readonly sql: AuditSql
  readonly relation: string
}

/** Finds the rows of a model: in the lake, or with the engine, which copies them to a file. */
function locateRows(
  { plain, served, logic, scratchFile }: AuditInput,
  { model }: GraphModel,
): ModelRows {
  const { name } = model
  const select = `SELECT * FROM ${name}`
  const path = quoteText(scratchFile(name))
  const file = `read_parquet(${path}, hive_partitioning = false)`
  const copy = async (sql: string, shape: RowShape) => {
    requireColumns(model, shape, await describeColumns(served, select))
    await served.run(`COPY (${sql}) TO ${path} (FORMAT parquet)`)
  }
  if (model.kind === 'stream') {
    const actual: ActualRows = async (_, shape) => {
      requireColumns(model, shape, await describeColumns(plain, select))
      return keyedSql(select, shape)
    }
    return { isGrouped: false, actual, sql: plain, relation: name }
  }
  if (findStoredModels(logic.graph).has(name)) {
    // There are as many rows as events, so only keys and hashes are copied.
    const actual: ActualRows = async (_, shape) => {
      await copy(keyedSql(select, shape), shape)
      return `SELECT * FROM ${file}`
    }
    return { isGrouped: false, actual, sql: served, relation: name }
  }
  const actual: ActualRows = async (_, shape) => {
    await copy(`SELECT ${shape.columns.map(castSql).join(', ')} FROM ${name}`, shape)
    return keyedSql(`SELECT * FROM ${file}`, shape)
  }
  return { isGrouped: true, actual, sql: plain, relation: file }
}

function castSql({ name, type }: RowColumn): string {
  return `CAST(${quoteName(name)} AS ${type}) AS ${quoteName(name)}`
}

function requireColumns(model: Model, { columns }: RowShape, found: readonly RowColumn[]): void {
  const names = new Set(found.map(({ name }) => name))
  const lacking = columns.filter(({ name }) => !names.has(name)).map(({ name }) => name)
  if (lacking.length === 0) return
  throw new CcsError(
    'CCS_CHECK_FAILED',
    `The rows of ${model.name} have no ${lacking.join(', ')}, which its SELECT returns.`,
    { hint: 'Rebuild the lake from the log: ccs deploy --rebuild --yes' },
  )
}
