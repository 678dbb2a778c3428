/**
 * Compaction: merges small Parquet files of a partition into one, beside a running engine or
 * without one. Its commit replaces names in the manifest of that moment.
 */

import { CcsError } from '../kernel/errors.ts'
import { appendAll } from '../kernel/lists.ts'
import {
  type CompactedGroup,
  type CompactionGroup,
  type CompactionOptions,
  planCompaction,
  replaceFiles,
} from './compaction-plan.ts'
import { REPAIR_HINT } from './damage.ts'
import type { Lake, ManifestStore } from './lake.ts'
import type { LakeFile, Manifest } from './manifest.ts'

/** What compaction needs of the lake and the engine. */
export interface CompactPorts {
  readonly lake: Lake & {
    /** Half a sentence on the damage of the file at `path`; undefined if it is intact. */
    check(file: LakeFile, path: string): Promise<string | undefined>
    discard(commit: string): Promise<void>
  }
  /** Merges Parquet files into `output` and returns its rows. */
  readonly merge: (inputs: readonly string[], output: string) => Promise<number>
  /**
   * Commits the current manifest with the files that `change(manifest)` returns and finalizes the
   * lake; never at the same time as a commit of the engine. Resolves with the new manifest.
   */
  readonly commit: (change: (manifest: Manifest) => readonly LakeFile[]) => Promise<Manifest>
  readonly onProgress?: (done: number, total: number) => void
  readonly signal?: AbortSignal
}

/** Figures of one compaction; files, rows and bytes of the compacted partitions only. */
export interface CompactResult {
  readonly partitions: number
  readonly filesBefore: number
  readonly filesAfter: number
  readonly rows: number
  readonly bytesBefore: number
  readonly bytesAfter: number
}

/** Several groups share a commit, so that compacting years of days writes the manifest rarely. */
const GROUPS_PER_COMMIT = 32

/**
 * Compacts what is worth it in `manifest`, which is finalized and the current one or a little
 * older. Throws CCS_LAKE_DAMAGED, with the lake unchanged, if an input is damaged or merging would
 * change the number of rows.
 */
export async function compactLake(
  manifest: Manifest,
  ports: CompactPorts,
  options: CompactionOptions = {},
): Promise<CompactResult> {
  const plan = planCompaction(manifest, options)
  const done: CompactedGroup[] = []
  for (let from = 0; from < plan.length && !ports.signal?.aborted; from += GROUPS_PER_COMMIT) {
    const merged = await mergeGroups(
      manifest,
      plan.slice(from, from + GROUPS_PER_COMMIT),
      from,
      ports,
    )
    // A failed commit may have taken effect: staged files stay until the next `finalize` decides.
    appendAll(done, await commitGroups(merged, ports))
    ports.onProgress?.(Math.min(from + GROUPS_PER_COMMIT, plan.length), plan.length)
  }
  return summarize(done)
}

/** What compaction needs besides a way to commit. */
export type CompactTools = Omit<CompactPorts, 'commit'> & {
  /** The present, ms since 1970. */
  nowMs(): number
}

/** Compacts a lake that no engine runs on; the caller holds the engine's lock. */
export async function compactIdle(
  manifests: ManifestStore,
  tools: CompactTools,
  options: CompactionOptions,
): Promise<CompactResult> {
  const manifest = await manifests.load()
  if (!manifest) return summarize([])
  await tools.lake.finalize(manifest)
  const commit: CompactPorts['commit'] = async (change) => {
    const base = (await manifests.load()) ?? manifest
    const next = withFiles(base, change(base), tools.nowMs())
    await manifests.commit(next)
    await tools.lake.finalize(next)
    return next
  }
  return compactLake(manifest, { ...tools, commit }, options)
}

/** A running engine's commits. */
export interface RunningCommits {
  readonly manifest: Manifest | undefined
  /** Replaces the manifest between two of the engine's own commits. */
  amend(change: (base: Manifest) => Promise<Manifest | undefined>): Promise<void>
  /** Runs work between two commits. */
  runAlone<T>(work: () => Promise<T>): Promise<T>
}

/**
 * Compacts beside a running engine. Each merge takes turns with the engine's commits, so that the
 * memory of the two is not needed at once.
 */
export async function compactBeside(
  engine: RunningCommits,
  tools: CompactTools,
  options: CompactionOptions,
): Promise<CompactResult> {
  const { manifest } = engine
  if (!manifest) return summarize([])
  const commit: CompactPorts['commit'] = async (change) => {
    await engine.amend(async (base) => withFiles(base, change(base), tools.nowMs()))
    return engine.manifest ?? manifest
  }
  const merge: CompactPorts['merge'] = (inputs, output) =>
    engine.runAlone(() => tools.merge(inputs, output))
  return compactLake(manifest, { ...tools, merge, commit }, options)
}

function withFiles(base: Manifest, files: Manifest['files'], committedMs: number): Manifest {
  return { ...base, serial: base.serial + 1, committedMs, files }
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
      throw damaged(`Merging the ${before} rows of ${name} gave ${rows}; nothing was changed.`)
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
  return new CcsError('CCS_LAKE_DAMAGED', message, { hint: REPAIR_HINT })
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
