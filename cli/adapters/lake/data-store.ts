/** A data directory and what is in it: the log, the lake and the manifest. */
import type { ManifestStore } from '../../domain/lake/lake.ts'
import type { ScrubPorts } from '../../domain/lake/scrub.ts'
import type { EventLog } from '../../domain/log/event-log.ts'
import type { FaultPoint } from '../files/fault-point.ts'
import type { Files } from '../files/files.ts'
import type { CheckedFiles } from './checked-files.ts'
import type { LocalLake } from './local-lake.ts'

/** Where a project's data lies and what is in it. */
export interface Store {
  readonly files: Files
  /** Absolute path of the data directory. */
  readonly root: string
  readonly log: EventLog
  readonly lake: LocalLake
  readonly manifests: ManifestStore
  /** What this process knows of the lake's files. */
  readonly checked: CheckedFiles
  /** How far the scrub is. */
  readonly scrubbed: ScrubPorts['progress']
  /** Only in tests; see adapters/files/fault-point.ts. */
  readonly fault?: FaultPoint
}
