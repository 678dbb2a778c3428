/** What the embedded engine, and the feed of its changes, are opened with. */

import type { Files } from '../../adapters/files/files.ts'
import type { LakeGuard } from '../../domain/lake/lake.ts'
import type { LakeFile, Manifest } from '../../domain/lake/manifest.ts'
import type { GraphModel } from '../../domain/models/graph.ts'
import type { PublishedCopy } from '../../domain/pipeline/gold-feed.ts'
import type { MacroSet } from '../../domain/sql/expand-macros.ts'
import type { QueryLimits } from '../../domain/sql/query-result.ts'
import type { IntakeOptions } from './intake/raw-row-writer.ts'

/** Settings, models and files of one engine; absent optional members mean a first start. */
export interface EmbeddedOptions {
  /** In topological order. */
  readonly graph: readonly GraphModel[]
  readonly macros: MacroSet
  /** The same macros, and the seeds as tables, as statements for DuckDB. */
  readonly macrosSql: string
  /** The shop's, as an IANA name. */
  readonly timezone: string
  readonly raw: IntakeOptions
  readonly memoryLimitBytes: number
  readonly queryLimits: QueryLimits
  /** Memory of each process that answers queries of people. */
  readonly queryMemoryBytes: number
  /** The only directory that queries may read files from. */
  readonly dataDirectory: string
  /** The last commit, with which the engine starts. */
  readonly manifest?: Manifest
  /** Absolute path of a lake file. */
  readonly lakePath: (file: LakeFile) => string
  /** Every file of the lake passes it before its rows are read. */
  readonly guard: LakeGuard
  readonly files: Files
  /** Directory of the engine's state files. */
  readonly stateRoot: string
  readonly goldLimits: GoldLimits
  /** Called before each merge and each compaction; tests end the process there. */
  readonly onStep?: (step: 'gold.merge' | 'gold.compact') => void
}

/**
 * From what size on a checkpoint compacts a Gold model or moves rows to the lake. A size counts
 * partial rows and the entries of their lists, such as the visitors of a minute.
 */
export interface GoldLimits {
  /** Newer parts are merged into the first once they are as large as it, and of this size. */
  readonly mergeSizeMin: number
  /**
   * Closed rows stay in the state until there are this many, or their size is `mergeSizeMin`, to
   * avoid tiny files in the lake.
   */
  readonly closedRowsMin: number
  /** Rows and list entries that one statement merges: DuckDB holds all of them in memory. */
  readonly sliceSize: number
}

/** What was published before, and whom to tell of rebuilds. */
export interface FeedOptions {
  /** By the name of each model to publish, of kind window or session. */
  readonly copies: ReadonlyMap<string, PublishedCopy>
  /** All rows that were in the lake by this commit have been published. */
  readonly serial: number
  /** Called and awaited before a model is rebuilt. */
  readonly onRebuild: (model: string) => Promise<void>
}
