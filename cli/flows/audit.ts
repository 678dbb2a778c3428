/**
 * `ccs audit`: what was sent, and where each of it is now. From the log through Bronze and Silver to Gold every
 * model's SELECT is run plainly over what it reads and held against the rows that are there; what does not add
 * up is named. Nothing of the engine's incremental state is trusted: what it serves is one side of a comparison.
 */
import { CcsError, EXIT } from '../core/errors.ts'
import type { GraphModel } from '../core/graph.ts'
import type { Model } from '../core/model.ts'
import {
  type AuditLogic,
  type AuditSql,
  createAuditCatalog,
  quoted,
  storedModels,
  type TableFiles,
} from './audit-catalog.ts'
import { auditHeader } from './audit-checks.ts'
import { describe, keyedSql, type RowColumn } from './audit-compare.ts'
import { type AuditFault, type AuditLogInput, type AuditRow, auditLog } from './audit-log.ts'
import { type ActualRows, auditGroups, auditRows, type ModelAudit } from './audit-model.ts'

export interface AuditReport {
  readonly ok: boolean
  /** The commit that was looked at; null: nothing was committed yet. */
  readonly serial: number | null
  /** When it was made, ISO 8601. */
  readonly asOf: string | null
  readonly models: readonly AuditRow[]
  readonly faults: readonly AuditFault[]
}

export interface AuditInput {
  /** A DuckDB of the audit's own, empty. */
  readonly plain: AuditSql
  /** The rows as the engine serves them from the same commit; its clock is `logic.nowMs`. */
  readonly served: AuditSql
  readonly logic: AuditLogic
  readonly log: AuditLogInput
  readonly tables: TableFiles
  /** A new Parquet file that both instances may use. */
  readonly scratchFile: (name: string) => string
  readonly onProgress: (done: number, total: number) => void
}

export type Accounts = Pick<AuditReport, 'models' | 'faults'>

export async function audit(input: AuditInput): Promise<Accounts> {
  const { plain, logic, onProgress } = input
  await createAuditCatalog(plain, logic, input.tables)
  const models: AuditRow[] = []
  const faults: AuditFault[] = []
  for (const [index, one] of logic.graph.entries()) {
    onProgress(index, logic.graph.length)
    const { row, faults: found } = await auditModel(input, one)
    models.push(row)
    faults.push(...found)
  }
  return { models, faults }
}

async function auditModel(input: AuditInput, one: GraphModel): Promise<ModelAudit> {
  const { plain, served, logic } = input
  const { model } = one
  const isStream = model.kind === 'stream'
  try {
    const accounts = await accountsOf(input, one)
    const broken = await auditHeader(isStream ? plain : served, model)
    return { row: accounts.row, faults: [...accounts.faults, ...broken] }
  } catch (cause) {
    if (cause instanceof CcsError) throw cause
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new CcsError('CCS_MODEL_INVALID', `${model.name} can't be audited: ${message.trim()}`, {
      exit: EXIT.usage,
      location: { file: model.file, line: model.sqlLine },
      hint: `Is it one of ${logic.graph.length} models that run by themselves? See: ccs query "SELECT * FROM ${model.name}"`,
      cause,
    })
  }
}

async function accountsOf(input: AuditInput, one: GraphModel): Promise<ModelAudit> {
  const { plain, logic, log } = input
  const { model, reads } = one
  const [first = ''] = reads
  const source = logic.graph.find((other) => other.model.name === first)
  if (!source) return auditLog(plain, model.name, log)
  const actualRows: ActualRows =
    model.kind === 'stream'
      ? async (_, shape) => storedRows(plain, model, shape)
      : async (_, shape) => servedRows(input, model, shape)
  return storedModels(logic.graph).has(model.name)
    ? auditRows(plain, one, source.model, actualRows)
    : auditGroups(plain, one, first, actualRows)
}

interface Shape {
  readonly keys: readonly string[]
  readonly columns: readonly RowColumn[]
}

async function storedRows(plain: AuditSql, model: Model, shape: Shape): Promise<string> {
  const select = `SELECT * FROM ${model.name}`
  requireColumns(model, shape, await describe(plain, select))
  return keyedSql(select, shape)
}

/** Keys and hashes of what the engine serves go through a file: the two instances share no memory. */
async function servedRows(input: AuditInput, model: Model, shape: Shape): Promise<string> {
  const { served, scratchFile } = input
  const select = `SELECT * FROM ${model.name}`
  requireColumns(model, shape, await describe(served, select))
  const path = quoted(scratchFile(model.name))
  await served.run(`COPY (${keyedSql(select, shape)}) TO ${path} (FORMAT parquet)`)
  return `SELECT * FROM read_parquet(${path}, hive_partitioning = false)`
}

function requireColumns(model: Model, { columns }: Shape, found: readonly RowColumn[]): void {
  const names = new Set(found.map(({ name }) => name))
  const lacking = columns.filter(({ name }) => !names.has(name)).map(({ name }) => name)
  if (lacking.length === 0) return
  throw new CcsError(
    'CCS_CHECK_FAILED',
    `The rows of ${model.name} have no ${lacking.join(', ')}, which its SELECT gives.`,
    { exit: EXIT.checkFailed, hint: 'Make the lake again from the log: ccs deploy --rebuild --yes' },
  )
}
