/** What the parts of `ccs reconcile` share: ports, settings, and the models that are compared. */

import type { AuditLogic, AuditSql, TableFiles } from '../audit/catalog.ts'
import { quoteText } from '../kernel/sql-text.ts'
import type { GraphModel } from '../models/graph.ts'
import type { Model } from '../models/model.ts'
import type { QueryResult } from '../sql/query-result.ts'
import type { DamagedSilver, RowDifference } from './accounts.ts'
import { reconciledModels } from './tables.ts'

/** Runs one SELECT. */
export type RunQuery = (sql: string) => Promise<QueryResult>

/** What `ccs reconcile` reads from. */
export interface ReconcileInput {
  /** An empty DuckDB of the command's own. */
  readonly plain: AuditSql
  /** Answered by the engine. */
  readonly stream: RunQuery
  readonly marts: RunQuery
  readonly logic: AuditLogic
  /** The Silver that the marts were built from, and Bronze of that commit or a later one. */
  readonly tables: TableFiles
  /** The commit that the marts were built from; times in ms. */
  readonly built: {
    readonly serial: number
    readonly builtMs: number
    /** Why a later build failed, and the commit that it was based on. */
    readonly failure: string | null
    readonly failedSerial: number | null
    readonly watermarkMs: number | null
  }
  /** The last commit, and whether a running engine may be ahead of it. */
  readonly now: {
    readonly serial: number
    readonly watermarkMs: number | null
    readonly isRunning: boolean
  }
  /** Result of checking the files of Silver. */
  readonly files: SilverFiles
  /** Only this day, YYYY-MM-DD. */
  readonly day?: string
  /** Also compare open days if stream and marts are of the same commit. */
  readonly withOpen: boolean
  readonly onProgress: (done: number, total: number) => void
}

/** The damaged files of Silver, and the lake without them. */
export interface SilverFiles {
  readonly damaged: readonly FoundDamage[]
  /** Silver as the lake has it now, without unreadable files, and Bronze of the same commit. */
  readonly lake: TableFiles
  /** Opens another empty DuckDB; the caller closes it. */
  openPlain(): Promise<AuditSql & { close(): void }>
}

/** A damaged file, and where it is used. */
export interface FoundDamage extends DamagedSilver {
  readonly isInLake: boolean
  /** Part of the marts' Silver: as the same file as in the lake, or as one of their own. */
  readonly isInMarts: boolean
  /** Whether it can be read as Parquet with the types of its table. */
  readonly isReadable: boolean
}

/** Rows listed for each day; further ones are counted. */
export const ROWS_MAX = 20

/** A difference and the shop day that it belongs to. */
export type DatedDifference = RowDifference & { readonly date: string }

/** The days as a list of SQL date literals. */
export function datesSql(dates: readonly string[]): string {
  return dates.map((date) => `DATE ${quoteText(date)}`).join(', ')
}

/** The compared Gold models that exclude rows which are too late. */
export function findTimedModels(graph: readonly GraphModel[]): readonly Model[] {
  const names = reconciledModels()
  return graph
    .map(({ model }) => model)
    .filter(({ name, kind }) => names.has(name) && (kind === 'window' || kind === 'session'))
}
