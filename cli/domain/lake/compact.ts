/**
 * Compaction: small Parquet files of a partition become one. Merging happens beside everything else; only the
 * commit, which swaps names in whatever manifest is current by then, takes its turn with the engine's.
 */

import { CcsError, EXIT } from '../kernel/errors.ts'
import {
  type CompactedGroup,
  type CompactionGroup,
  type CompactionOptions,
  planCompaction,
  replaceFiles,
} from './compaction-plan.ts'
import type { Lake } from './lake.ts'
import type { LakeFile, Manifest } from './manifest.ts'

export interface CompactPorts {
  readonly lake: Lake & {
    /** What is wrong with the file at `path`; undefined: nothing. */
    check(file: LakeFile, path: string): Promise<string | undefined>
    discard(commit: string): Promise<void>
  }
  /** Merges Parquet files into `output` and returns its rows. */
  readonly merge: (inputs: readonly string[], output: string) => Promise<number>
  /**
   * Commits the current manifest with its files replaced by `change(manifest)` and settles the lake; one
   * commit at a time, together with the engine's own. Resolves with what it committed.
   */
  readonly commit: (change: (manifest: Manifest) => readonly LakeFile[]) => Promise<Manifest>
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

export interface CompactResult {
  readonly partitions: number
  readonly filesBefore: number
  readonly filesAfter: number
  readonly rows: number
  readonly bytesBefore: number
  readonly bytesAfter: number
}

/** So that compacting years of days writes the manifest some dozens of times, not thousands. */
const GROUPS_A_COMMIT = 32

/**
 * Compacts what is worth it in `manifest`, which is settled and current or a little older. Rows before and
 * after are counted. Throws CCS_LAKE_DAMAGED, with the lake unchanged, for inputs that are not what was written.
 */
export async function compactLake(
  manifest: Manifest,
  ports: CompactPorts,
  options: CompactionOptions = {},
): Promise<CompactResult> {
  const plan = planCompaction(manifest, options)
  const done: CompactedGroup[] = []
  for (let from = 0; from < plan.length && !ports.signal?.aborted; from += GROUPS_A_COMMIT) {
    const merged = await mergeGroups(
      manifest,
      plan.slice(from, from + GROUPS_A_COMMIT),
      from,
      ports,
    )
    // A commit that fails may have taken place: what is staged stays, for the next settle to decide on.
    done.push(...(await commitGroups(merged, ports)))
    ports.onProgress?.(Math.min(from + GROUPS_A_COMMIT, plan.length), plan.length)
  }
  return summarize(done)
}

interface Merged {
  readonly group: CompactedGroup
  readonly commit: string
}

async function mergeGroups(
  manifest: Manifest,
  groups: readonly CompactionGroup[],
  from: number,
  ports: CompactPorts,
): Promise<readonly Merged[]> {
  const merged: Merged[] = []
  try {
    for (const [index, group] of groups.entries()) {
      if (ports.signal?.aborted) break
      const commit = `compact-${manifest.serial}-${from + index}`
      merged.push({ group: await mergeGroup(group, commit, ports), commit })
    }
    return merged
  } catch (error) {
    for (const { commit } of merged) await ports.lake.discard(commit)
    throw error
  }
}

async function mergeGroup(
  group: CompactionGroup,
  commit: string,
  { lake, merge }: CompactPorts,
): Promise<CompactedGroup> {
  const { table, partition, inputs } = group
  const name = `${table}${partition && `/${partition}`}`
  for (const file of inputs) {
    const fault = await lake.check(file, lake.path(file))
    if (fault) throw damaged(`${name}/${file.name} ${fault}; it was not merged.`)
  }
  const path = `${await lake.stage(commit)}/merged.parquet`
  try {
    const rows = await merge(
      inputs.map((file) => lake.path(file)),
      path,
    )
    const before = inputs.reduce((sum, file) => sum + file.rows, 0)
    if (rows !== before)
      throw damaged(`${name} has ${before} rows, and ${rows} once merged; it was left as it is.`)
    const [output] = await lake.seal([{ table, partition, path, rows }], commit)
    if (!output) throw new Error(`sealing ${path} gave no file`)
    return { ...group, output }
  } catch (error) {
    await lake.discard(commit)
    throw error
  }
}

async function commitGroups(
  staged: readonly Merged[],
  { lake, commit }: CompactPorts,
): Promise<readonly CompactedGroup[]> {
  if (staged.length === 0) return []
  const groups = staged.map((one) => one.group)
  const { files } = await commit((current) => replaceFiles(current, groups))
  const names = new Set(files.map((file) => file.name))
  const isDone = ({ group }: Merged) => names.has(group.output.name)
  for (const one of staged) if (!isDone(one)) await lake.discard(one.commit)
  return staged.filter(isDone).map((one) => one.group)
}

function damaged(message: string): CcsError {
  return new CcsError('CCS_LAKE_DAMAGED', message, {
    exit: EXIT.checkFailed,
    hint: 'See: ccs lake verify',
  })
}

function summarize(groups: readonly CompactedGroup[]): CompactResult {
  const inputs = groups.flatMap((group) => group.inputs)
  return {
    partitions: new Set(groups.map((group) => `${group.table}/${group.partition}`)).size,
    filesBefore: inputs.length,
    filesAfter: groups.length,
    rows: groups.reduce((sum, { output }) => sum + output.rows, 0),
    bytesBefore: inputs.reduce((sum, file) => sum + file.bytes, 0),
    bytesAfter: groups.reduce((sum, { output }) => sum + output.bytes, 0),
  }
}
