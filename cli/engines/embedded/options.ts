/** What the embedded engine is opened with, and what it freezes for a checkpoint. */

import type { Files } from '../../adapters/files/files.ts'
import type { LakeFile, Manifest } from '../../domain/lake/manifest.ts'
import type { GraphModel } from '../../domain/models/graph.ts'
import type { FrozenRows } from '../../domain/pipeline/batch-engine.ts'
import type { MacroSet } from '../../domain/sql/ast.ts'
import type { FrozenGold } from './gold/gold-compactor.ts'
import type { ArrivalTracker } from './intake/arrival-tracker.ts'
import type { EventIdWords } from './intake/dedupe-index.ts'
import type { RawRowsOptions } from './intake/raw-row-writer.ts'
import type { RowBarrier } from './intake/uncommitted-rows.ts'

export interface EmbeddedOptions {
  /** In topological order. */
  readonly graph: readonly GraphModel[]
  readonly macros: MacroSet
  readonly macrosSql: string
  readonly timezone: string
  readonly raw: RawRowsOptions
  readonly memoryLimitBytes: number
  /** The only directory that queries may read files from. */
  readonly dataDirectory: string
  readonly manifest?: Manifest
  /** Where a file of the lake, or of the state, lies. */
  readonly lakePath: (file: LakeFile) => string
  readonly files: Files
  /** Directory of the engine's state. */
  readonly stateRoot: string
  readonly goldLimits: GoldLimits
  readonly eventIds?: readonly EventIdWords[]
  /** Called before each statement of its kind: where tests end the process. */
  readonly onStep?: (step: 'gold.merge' | 'gold.compact') => void
}

/** How many rows of a Gold model are worth the work. */
export interface GoldLimits {
  /** Newer parts are merged into the first once they have as many rows as it, and this many. */
  readonly mergeAllRowsMin: number
  /** Closed rows wait in the state until there are this many, so that the lake does not fill with tiny files. */
  readonly closedRowsMin: number
}

/** Where a checkpoint ends, as all who count rows see it. */
export interface SnapshotBarrier {
  readonly rows: RowBarrier
  readonly arrivals: ReturnType<ArrivalTracker['freeze']>
}

/** What is frozen, in the engine's own terms. */
export interface EmbeddedFrozen extends FrozenRows {
  readonly fromSeq: number
  readonly toSeq: number
  readonly uncommittedTables: readonly number[]
  readonly gold: ReadonlyMap<string, FrozenGold>
  readonly seen: EventIdWords
  readonly oldestSeenHour: number
  /** Least watermark of all partitions; null: none yet. */
  readonly watermarkMs: number | null
}
