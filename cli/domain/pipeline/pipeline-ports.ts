/** What the pipeline's loop stands on, what it is told, and what it says of itself. */

import type { Reject } from '../gate/reject.ts'
import type { LogGap, LogSource, Manifest } from '../lake/manifest.ts'
import type { EventLog, LogFrame } from '../log/event-log.ts'
import type { BatchEngine } from './batch-engine.ts'
import type { CommitParts } from './commit.ts'
import type { OutageHandler } from './outage-handler.ts'

export interface PipelineParts extends CommitParts {
  readonly log: EventLog
  /** Appends rejects to events.dlq, durable when it resolves; returns the topic's end. Repeating is harmless. */
  readonly writeRejects: (rejects: readonly Reject[]) => Promise<number>
  /** Asks for schema versions that these records name and nobody here knows; where others can register some. */
  readonly refreshSchemas?: (frames: readonly LogFrame[]) => Promise<void>
  /** Shared with whoever writes to the log for it; one of its own unless given. */
  readonly outage?: OutageHandler
  /** Told of each commit, for others who watch; ends soon, and what it can't do is its own business. */
  readonly onCommit?: (manifest: Manifest) => Promise<void>
}

export interface PipelineOptions {
  readonly topic: string
  readonly checkpointMs: number
  readonly checkpointRows: number
  /** What the manifest says of the logic in force. */
  readonly logic: Pick<Manifest, 'models' | 'schemas'>
  /** Manifest that the engine was opened with. */
  readonly manifest?: Manifest
  readonly dlqEnd: number
  /** A sentence for the person who watches: the disk is full, Kafka answers again … */
  readonly onNotice: (text: string) => void
}

/** What the loop is doing, for status. */
export interface PipelineState {
  readonly positions: BatchEngine['positions']
  readonly counts: BatchEngine['counts']
  readonly watermarkMs: number | null
  readonly uncommittedRows: number
  readonly committedMs: number | null
  readonly serial: number
  /** appendMs of the newest frame taken in. */
  readonly newestAppendMs: number | null
  /** Why the intake stands still; null: it does not. */
  readonly stalled: string | null
  readonly sources: readonly LogSource[]
  readonly gaps: readonly LogGap[]
}
