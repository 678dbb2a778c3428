/**
 * Decides which small files of the lake are worth merging. Files of one or two row groups stay:
 * merging gains nothing. Small files are merged with others of similar size (size tiers) where
 * there are many, so that no row is rewritten more than a few times. Days that are over are packed
 * more closely.
 */
import { least } from '../kernel/lists.ts'
import { groupByPartition, type LakeFile, type Manifest } from './manifest.ts'

/** Limits of compaction; see the defaults. */
export interface CompactionOptions {
  /** Files of this size or more stay as they are. Default 4 MiB. */
  readonly enoughBytes?: number
  /** Files with this many rows or more stay as they are. Default 50,000. */
  readonly enoughRows?: number
  /** A merged file takes inputs until they reach this size. Default 64 MiB. */
  readonly targetBytes?: number
  /**
   * A closed day is merged if it has more files than this within a factor of 8 in size. 1 means:
   * merge all its small files, whatever their size. Default 8.
   */
  readonly filesMax?: number
  /** The same for an open day. Default 64. */
  readonly openFilesMax?: number
  /** Only this table, e.g. `silver.events`. */
  readonly table?: string
}

const MIB = 1024 * 1024

/** Files of one partition that will become one. */
export interface CompactionGroup {
  readonly table: string
  readonly partition: string
  readonly inputs: readonly LakeFile[]
}

/** A group with the file that it became. */
export interface CompactedGroup extends CompactionGroup {
  readonly output: LakeFile
}

/** Groups in the order of table and partition; [] if nothing is worth merging. */
export function planCompaction(
  manifest: Manifest,
  options: CompactionOptions = {},
): CompactionGroup[] {
  const { enoughBytes = 4 * MIB, enoughRows = 50_000, targetBytes = 64 * MIB } = options
  const { filesMax = 8, openFilesMax = 64, table } = options
  const openDay = firstOpenDay(manifest)
  const groups: CompactionGroup[] = []
  for (const leaf of groupByPartition(manifest.files)) {
    if (table !== undefined && leaf.table !== table) continue
    const small = leaf.files.filter((file) => file.bytes < enoughBytes && file.rows < enoughRows)
    const most = partitionDay(leaf.partition) < openDay ? filesMax : openFilesMax
    const sets = most === 1 ? [small] : groupBySize(small)
    const many = sets.filter((set) => set.length > most)
    for (const set of many)
      for (const inputs of splitIntoPacks(set, targetBytes))
        groups.push({ table: leaf.table, partition: leaf.partition, inputs })
  }
  return groups
}

/**
 * The manifest's files with each group's inputs replaced by its output; a group is skipped if any
 * of its inputs is gone.
 */
export function replaceFiles(manifest: Manifest, groups: readonly CompactedGroup[]): LakeFile[] {
  const present = new Set(manifest.files.map((file) => file.name))
  const done = groups.filter((group) => group.inputs.every((file) => present.has(file.name)))
  const replaced = new Set(done.flatMap((group) => group.inputs.map((file) => file.name)))
  return [
    ...manifest.files.filter((file) => !replaced.has(file.name)),
    ...done.map((group) => group.output),
  ]
}

/**
 * The UTC day of the slowest partition's newest event: from this day on, files still come. Imports
 * that are done don't count, unless there is nothing else.
 */
function firstOpenDay({ positions }: Manifest): string {
  const live = positions.filter(({ hasEnded }) => !hasEnded)
  const newest = (live.length > 0 ? live : positions).flatMap((one) =>
    one.maxEventMs === null ? [] : [one.maxEventMs],
  )
  return newest.length === 0 ? '' : new Date(least(newest)).toISOString().slice(0, 10)
}

/** '2026-11-22' of `event_date=2026-11-22`; any other partition sorts after all days. */
function partitionDay(partition: string): string {
  return /=(\d{4}-\d{2}-\d{2})$/.exec(partition)?.[1] ?? '~'
}

function groupBySize(files: readonly LakeFile[]): LakeFile[][] {
  const found = new Map<number, LakeFile[]>()
  for (const file of files) {
    const tier = Math.floor(Math.log2(Math.max(file.bytes, 1)) / 3)
    const same = found.get(tier)
    if (same) same.push(file)
    else found.set(tier, [file])
  }
  return [...found.values()]
}

/** Each pack but the last reaches `targetBytes`; a last pack of one file is dropped. */
function splitIntoPacks(files: readonly LakeFile[], targetBytes: number): LakeFile[][] {
  const found: LakeFile[][] = []
  let pack: LakeFile[] = []
  let bytes = 0
  for (const file of files) {
    pack.push(file)
    bytes += file.bytes
    if (bytes < targetBytes) continue
    found.push(pack)
    pack = []
    bytes = 0
  }
  found.push(pack)
  return found.filter((one) => one.length > 1)
}
