/** What the parts of `ccs reconcile` share: its ports and settings, and which models it is about. */

import type { AuditLogic, AuditSql, TableFiles } from '../audit/catalog.ts'
import { quoteText } from '../kernel/sql-text.ts'
import type { GraphModel } from '../models/graph.ts'
import type { Model } from '../models/model.ts'
import type { QueryResult } from '../sql/query-result.ts'
import type { DamagedSilver, RowDifference } from './accounts.ts'
import { reconciledModels } from './tables.ts'

export type RunQuery = (sql: string) => Promise<QueryResult>

export interface ReconcileInput {
  /** A DuckDB of the command's own, empty. */
  readonly plain: AuditSql
  /** The engine's answers. */
  readonly stream: RunQuery
  readonly marts: RunQuery
  readonly logic: AuditLogic
  /** The Silver that the marts were built from, and Bronze of that commit or a later one. */
  readonly tables: TableFiles
  /** The commit that the marts were built from; times in ms. */
  readonly built: {
    readonly serial: number
    readonly builtMs: number
    /** Of a build since then, and the commit that it was of. */
    readonly failure: string | null
    readonly failedSerial: number | null
    readonly watermarkMs: number | null
  }
  /** The last commit, and whether an engine may be ahead of it. */
  readonly now: {
    readonly serial: number
    readonly watermarkMs: number | null
    readonly isRunning: boolean
  }
  /** What was found of the files of Silver. */
  readonly files: SilverFiles
  /** Only this day, YYYY-MM-DD. */
  readonly day?: string
  /** Open days too, where stream and marts stand at the same commit. */
  readonly withOpen: boolean
  readonly onProgress: (done: number, total: number) => void
}

export interface SilverFiles {
  readonly damaged: readonly FoundDamage[]
  /** Silver as the lake has it now, less what can't be read, and Bronze of the same commit. */
  readonly lake: TableFiles
  /** Another DuckDB of the command's own, empty; the caller closes it. */
  openPlain(): Promise<AuditSql & { close(): void }>
}

/** A damaged file, and what it is part of. */
export interface FoundDamage extends DamagedSilver {
  readonly isInLake: boolean
  /** The marts' own Silver has it: the lake's file itself, or its own. */
  readonly isInMarts: boolean
  /** As Parquet, with the types of its table. */
  readonly isReadable: boolean
}

/** Rows named a day; what is beyond is counted. */
export const ROWS_MAX = 20

/** A difference with the shop day that it is in. */
export type DatedDifference = RowDifference & { readonly date: string }

export function datesSql(dates: readonly string[]): string {
  return dates.map((date) => `DATE ${quoteText(date)}`).join(', ')
}

/** Models of Gold that leave out what comes too late, of those that are compared. */
export function findTimedModels(graph: readonly GraphModel[]): readonly Model[] {
  const names = reconciledModels()
  return graph
    .map(({ model }) => model)
    .filter(({ name, kind }) => names.has(name) && (kind === 'window' || kind === 'session'))
}
