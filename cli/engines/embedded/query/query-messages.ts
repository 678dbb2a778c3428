/**
 * What an engine and the process of a query say to each other. The engine opens the process and
 * asks; the process says which models the query reads, gets their rows as files, and sends the
 * answer in parts. One query at a time.
 */

import type { ModelReads, QueriedModels } from '../../../adapters/duckdb/find-models.ts'
import type { CatalogOptions } from '../../../adapters/duckdb/model-catalog.ts'
import type { ErrorDocument } from '../../../domain/console/text.ts'
import type { ReadableModel, VisibleModel } from './reader-views.ts'

/** How the process is opened. */
export interface OpenMessage extends ModelReads {
  readonly what: 'open'
  readonly catalog: CatalogOptions
  /** Each after those that it reads. */
  readonly models: readonly ReadableModel[]
  /** The only directory that queries read files from. */
  readonly directory: string
  /** Where DuckDB may spill. */
  readonly spillDirectory: string
  /** Resident memory at which the process ends itself. */
  readonly memoryMaxBytes: number
}

/** One query. */
export interface AskMessage {
  readonly what: 'ask'
  readonly sql: string
  /** The time of right_now(), ms since 1970. */
  readonly nowMs: number
  readonly rowsMax: number
}

/** What the engine says. */
export type ToProcess =
  | OpenMessage
  | AskMessage
  /** The rows of the models that the query reads. */
  | { readonly what: 'rows'; readonly models: readonly VisibleModel[] }
  /** There are no rows to be had: the query is dropped, without an answer. */
  | { readonly what: 'drop' }

/** What the process says. */
export type FromProcess =
  | { readonly what: 'opened' }
  | { readonly what: 'reads'; readonly models: QueriedModels }
  /** A piece of the answer as JSON. */
  | { readonly what: 'part'; readonly json: Buffer }
  | { readonly what: 'done'; readonly rows: number; readonly residentBytes: number }
  | { readonly what: 'failed'; readonly error: ErrorDocument }
  /** The query has computed for longer than small ones do. */
  | { readonly what: 'long' }
  /** It has more resident memory than it may have, and ends. */
  | { readonly what: 'too much memory' }
