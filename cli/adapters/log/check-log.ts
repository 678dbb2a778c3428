/** Checks all partitions of the embedded log. */
import { listCommittedEnds } from '../../domain/lake/committed-ends.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import type { CommittedEnd, PartitionReport } from '../../domain/log/log-report.ts'
import { type Files, isErrno, listNames } from '../files/files.ts'
import { checkPartition } from './check-partition.ts'
import type { Partition } from './partition-reader.ts'
import { listSegments, segmentPath } from './segment.ts'

/** A partition of the log to check. */
export interface LogPartition extends Partition {
  readonly committedEnd: number
}

/** Partitions that have a directory or should have one, by topic and number. */
export async function listLogPartitions(
  files: Files,
  dir: string,
  committed: readonly CommittedEnd[],
): Promise<readonly LogPartition[]> {
  const names = new Set([
    ...(await listNames(files, dir)),
    ...committed.filter(({ end }) => end > 0).map((one) => `${one.topic}-${one.partition}`),
  ])
  const found = [...names].flatMap((name) => {
    const [, topic, number] = /^([\w-][\w.-]*)-(\d+)$/.exec(name) ?? []
    if (topic === undefined) return []
    const partition = Number(number)
    const end = committed.find((one) => one.topic === topic && one.partition === partition)?.end
    return [{ topic, partition, dir: `${dir}/${name}`, committedEnd: end ?? 0 }]
  })
  const order = (a: Partition, b: Partition) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1
  return found.sort(order)
}

/** How to check a log. */
export interface LogCheckOptions {
  /** Partitions that must be there, and up to which offset. */
  readonly committed: readonly CommittedEnd[]
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
}

/** Reads every frame of every segment; damage is part of the result. */
export async function checkLog(
  files: Files,
  dir: string,
  { committed, onProgress = () => {} }: LogCheckOptions,
): Promise<readonly PartitionReport[]> {
  const partitions = await listLogPartitions(files, dir, committed)
  let total = 0
  for (const { dir: own } of partitions)
    for (const base of await listSegments(files, own))
      total += await countBytes(files, segmentPath(own, base))
  let done = 0
  const reports: PartitionReport[] = []
  for (const partition of partitions) {
    const { report } = await checkPartition(files, partition, {
      committedEnd: partition.committedEnd,
      onBytes: (bytes) => {
        done += bytes
        onProgress(done, Math.max(done, total))
      },
    })
    reports.push(report)
  }
  return reports
}

/** The same for the log of a data directory, up to what its last commit has read at least. */
export async function checkStoreLog(
  { files, root, manifests }: { readonly files: Files; readonly root: string } & ManifestSource,
  onProgress?: LogCheckOptions['onProgress'],
): Promise<readonly PartitionReport[]> {
  const committed = listCommittedEnds(await manifests.load())
  const options = { committed, ...(onProgress ? { onProgress } : {}) }
  return checkLog(files, dataLayout(root).log, options)
}

interface ManifestSource {
  readonly manifests: { load(): Promise<Manifest | undefined> }
}

/** Length of a segment; 0 if retention has removed it meanwhile. */
export async function countBytes(files: Files, path: string): Promise<number> {
  try {
    return (await files.stat(path)).bytes
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 0
    throw error
  }
}
