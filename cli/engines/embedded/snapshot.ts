/**
 * What a checkpoint writes: everything that was ingested up to one point, unchanging, while the
 * engine ingests more. These types pass between the parts of the engine.
 */

import type { StateFile } from '../../domain/lake/manifest.ts'
import type { FrozenRows, WrittenCommit } from '../../domain/pipeline/batch-engine.ts'
import type { FrozenArrivals } from './intake/arrival-tracker.ts'
import type { RowBarrier } from './intake/uncommitted-rows.ts'

/** Merged partial rows of one Gold model that a commit has, or will have, in a file of its own. */
export interface GoldPart {
  /** Name of its table in DuckDB. */
  readonly table: string
  readonly rows: number
  /** Absent until a checkpoint has written it. */
  readonly file?: StateFile
  /** Greatest watermark at which rows of the model moved to the lake, ms; null: none did. */
  readonly closedMs: number | null
}

/** The partial rows of one Gold model at the snapshot. */
export interface FrozenGold {
  readonly parts: readonly GoldPart[]
  /** Tables of partial rows that no commit has yet. */
  readonly newTables: readonly string[]
  readonly closedMs: number | null
  /** The state holds all rows of the model: its files in the lake no longer count. */
  readonly isRebuilt: boolean
}

/** The point at which a snapshot ends, in rows and in counts of arrivals. */
export interface SnapshotBarrier {
  readonly rows: RowBarrier
  readonly arrivals: FrozenArrivals
}

/** A whole snapshot. */
export interface EmbeddedFrozen extends FrozenRows, FrozenArrivals {
  /** Row numbers of its uncommitted rows: from `fromSeq` up to, not including, `toSeq`. */
  readonly fromSeq: number
  readonly toSeq: number
  /** Serials of the tables that hold those rows. */
  readonly uncommittedTables: readonly number[]
  /** By model name. */
  readonly gold: ReadonlyMap<string, FrozenGold>
}

/** A snapshot as written to disk. */
export interface EmbeddedWritten extends WrittenCommit {
  /** Model name → the parts that now hold its frozen partial rows. */
  readonly parts: ReadonlyMap<string, readonly GoldPart[]>
}
