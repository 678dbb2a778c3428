/** What the pipeline's loop is given, and the state that it reports. */

import type { FailingRecord } from '../gate/failing-record.ts'
import type { Reject } from '../gate/reject.ts'
import type { LogGap, LogSource, Manifest } from '../lake/manifest.ts'
import type { EventLog, LogFrame } from '../log/event-log.ts'
import type { BatchEngine } from './batch-engine.ts'
import type { CommitParts } from './commit.ts'
import type { OutageHandler } from './outage-handler.ts'

/** What the loop reads from and writes to. */
export interface PipelineParts extends CommitParts {
  readonly log: EventLog
  /**
   * Appends rejects to events.dlq; durable when it resolves to the topic's
   * end. Repeating is harmless.
   */
  readonly writeRejects: (rejects: readonly Reject[]) => Promise<number>
  /**
   * Starts over from `manifest`, as a new process would, and rejects these records; returns the
   * offset in events.dlq that `writeRejects` goes on from.
   */
  readonly restart: (
    manifest: Manifest | undefined,
    failing: readonly FailingRecord[],
  ) => Promise<number>
  /**
   * Loads schema versions that these records name and the gate doesn't know yet; needed where
   * producers register schemas.
   */
  readonly refreshSchemas?: (frames: readonly LogFrame[]) => Promise<void>
  /** Shared with other writers of the same log; by default the loop has its own. */
  readonly outage?: OutageHandler
  /** Throws once the data directory is no longer this engine's; called in each turn of the loop. */
  readonly requireLock?: () => Promise<void>
  /**
   * Called after each commit, for example to report lag. Must return
   * quickly; its errors are ignored.
   */
  readonly onCommit?: (manifest: Manifest) => Promise<void>
}

/** When to commit, and where to continue. */
export interface PipelineOptions {
  readonly topic: string
  readonly checkpointMs: number
  readonly checkpointRows: number
  /** The deployed logic, for the manifest. */
  readonly logic: Pick<Manifest, 'models' | 'schemas'>
  /** The manifest that the engine was opened with. */
  readonly manifest?: Manifest
  readonly dlqEnd: number
  /** Gets sentences for the user, such as "Kafka answers again". */
  readonly onNotice: (text: string) => void
}

/** What the loop is doing, for `ccs status`. */
export interface PipelineState {
  readonly positions: BatchEngine['positions']
  readonly counts: BatchEngine['counts']
  readonly watermarkMs: number | null
  readonly uncommittedRows: number
  readonly committedMs: number | null
  readonly serial: number
  /** appendMs of the newest frame that was ingested. */
  readonly newestAppendMs: number | null
  /** Why the loop is waiting; null: it isn't. */
  readonly stalled: string | null
  readonly sources: readonly LogSource[]
  readonly gaps: readonly LogGap[]
}
