/** Opens the lake of a data directory with its manifest, and where its log is. */
import type { ManifestStore } from '../../domain/lake/lake.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import type { ScrubPorts } from '../../domain/lake/scrub.ts'
import type { FileChecksum } from '../files/file-check.ts'
import { CheckedFiles } from './checked-files.ts'
import { LocalLake, type LocalLakeOptions } from './local-lake.ts'
import { openManifestStore } from './manifest-store.ts'
import { openScrubProgress } from './scrub-lake.ts'

/** The lake, and what this process knows of its files. */
export interface LakeParts {
  readonly lake: LocalLake
  readonly checked: CheckedFiles
  readonly manifests: ManifestStore
  /** How far the scrub is. */
  readonly scrubbed: ScrubPorts['progress']
  readonly logDir: string
}

/** Reads nothing yet. */
export function openLakeParts(options: LocalLakeOptions): LakeParts {
  const { files, root } = options
  const lake = new LocalLake(options)
  const check = (wanted: FileChecksum, path: string) => lake.check(wanted, path)
  return {
    lake,
    checked: new CheckedFiles({ ...options, check }),
    manifests: openManifestStore(files, root),
    scrubbed: openScrubProgress(files, root),
    logDir: dataLayout(root).log,
  }
}
