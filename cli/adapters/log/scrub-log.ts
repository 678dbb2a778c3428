/** The segments of the log as parts of a scrub. */
import { listCommittedEnds } from '../../domain/lake/committed-ends.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import type { ScrubPart } from '../../domain/lake/scrub.ts'
import type { Files } from '../files/files.ts'
import { pacedFiles } from '../files/paced-files.ts'
import { countBytes, listLogPartitions } from './check-log.ts'
import { findSegmentDamage } from './check-partition.ts'
import { listSegments, segmentPath } from './segment.ts'

/** Where the log is. */
export interface ScrubbedLog {
  readonly files: Files
  readonly root: string
  readonly manifests: { load(): Promise<Manifest | undefined> }
}

/** Every segment of every partition. */
export async function listSegmentParts(
  { files, root, manifests }: ScrubbedLog,
  pace: (bytes: number) => Promise<void>,
): Promise<readonly ScrubPart[]> {
  const committed = listCommittedEnds(await manifests.load())
  const slow = pacedFiles(files, pace)
  const parts: ScrubPart[] = []
  for (const partition of await listLogPartitions(files, dataLayout(root).log, committed)) {
    const { dir, committedEnd } = partition
    const bases = await listSegments(files, dir)
    for (const [index, base] of bases.entries()) {
      const path = segmentPath(dir, base)
      parts.push({
        path: path.slice(root.length + 1),
        bytes: await countBytes(files, path),
        check: () => findSegmentDamage(slow, dir, { base, next: bases[index + 1], committedEnd }),
      })
    }
  }
  return parts
}
