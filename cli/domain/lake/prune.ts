/**
 * Retention of the log: first the manifest says what is removed, then the files are deleted, the
 * oldest first. Whoever does it holds the engine's lock, so the log's beginning moves nowhere else;
 * after a crash in between, the next run deletes what is left.
 */
import type { Retention } from '../config/retention.ts'
import type { RunningCommits } from './compact.ts'
import type { Lake, ManifestStore } from './lake.ts'
import type { Manifest } from './manifest.ts'
import {
  addPruned,
  listQuiet,
  type PartitionPrune,
  planPrune,
  type SegmentedPartition,
} from './prune-plan.ts'

/** The files of the log. */
export interface PrunePorts {
  /** The partitions of the topics that retention applies to. */
  list(): Promise<readonly SegmentedPartition[]>
  /**
   * Deletes the segments whose records are all before offset `before`, the oldest first, each
   * durably before the next.
   */
  remove(topic: string, partition: number, before: number): Promise<void>
  /** Begins a new segment at offset `end`; nothing happens if somebody writes to the partition. */
  close(topic: string, partition: number, end: number): Promise<void>
  /** The present, ms since 1970. */
  nowMs(): number
}

/** The `--json` document of `ccs log prune`; times as ISO 8601. */
export interface PruneResult {
  /** False: only planned, or there is nothing to remove. */
  readonly applied: boolean
  readonly records: number
  readonly bytes: number
  readonly partitions: readonly (Omit<PartitionPrune, 'firstMs' | 'untilMs'> & {
    readonly first: string | null
    readonly until: string | null
  })[]
}

/**
 * Plans what retention removes; if that is anything and `confirm` says yes, `prune` removes it, or
 * has the engine do so.
 */
export async function pruneConfirmed(
  { manifests }: { readonly manifests: ManifestStore },
  { list, nowMs }: PrunePorts,
  about: {
    readonly retention: Retention
    readonly confirm: (plan: PruneResult) => Promise<boolean>
    readonly prune: () => Promise<PruneResult>
  },
): Promise<PruneResult> {
  const manifest = await manifests.load()
  const segments = manifest ? planPrune(about.retention, manifest, await list(), nowMs()) : []
  const plan = toResult(segments, false)
  return plan.records > 0 && (await about.confirm(plan)) ? about.prune() : plan
}

/** Prunes where no engine runs; the caller holds the engine's lock. */
export async function pruneIdle(
  { manifests, lake }: { readonly manifests: ManifestStore; readonly lake: Lake },
  ports: PrunePorts,
  retention: Retention,
): Promise<PruneResult> {
  const base = await manifests.load()
  if (!base) return toResult([], false)
  const plan = await planClosed(base, ports, retention)
  const next = withPruned(base, plan, ports.nowMs())
  if (next) {
    await manifests.commit(next)
    await lake.finalize(next)
  }
  return removeSegments(plan, ports)
}

/** Prunes inside a running engine; the manifest is changed between two of its commits. */
export async function pruneBeside(
  engine: RunningCommits,
  ports: PrunePorts,
  retention: Retention,
): Promise<PruneResult> {
  const { manifest } = engine
  if (!manifest) return toResult([], false)
  // What was committed stays so: the plan holds for each later commit of this engine.
  const plan = await planClosed(manifest, ports, retention)
  if (plan.some(({ segments }) => segments > 0))
    await engine.amend(async (base) => withPruned(base, plan, ports.nowMs()))
  return removeSegments(plan, ports)
}

/** The plan after last segments were closed that are old enough: only closed ones go. */
async function planClosed(manifest: Manifest, ports: PrunePorts, retention: Retention) {
  const before = await ports.list()
  const nowMs = ports.nowMs()
  const quiet = listQuiet(planPrune(retention, manifest, before, nowMs), before)
  for (const { topic, partition, end } of quiet) await ports.close(topic, partition, end)
  const after = quiet.length > 0 ? await ports.list() : before
  const closed = after.map((one) => ({ ...one, last: null }))
  return planPrune(retention, manifest, closed, nowMs)
}

/** The manifest that says what is removed; undefined: this one says so already. */
function withPruned(
  base: Manifest,
  plan: readonly PartitionPrune[],
  committedMs: number,
): Manifest | undefined {
  const pruned = addPruned(base.pruned, plan)
  if (pruned === undefined || pruned === base.pruned) return undefined
  return { ...base, serial: base.serial + 1, committedMs, pruned }
}

async function removeSegments(
  plan: readonly PartitionPrune[],
  { remove }: PrunePorts,
): Promise<PruneResult> {
  const removed = plan.filter(({ segments }) => segments > 0)
  for (const { topic, partition, to } of removed) await remove(topic, partition, to)
  return toResult(plan, removed.length > 0)
}

function toResult(plan: readonly PartitionPrune[], applied: boolean): PruneResult {
  const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
  return {
    applied,
    records: plan.reduce((sum, one) => sum + one.records, 0),
    bytes: plan.reduce((sum, one) => sum + one.bytes, 0),
    partitions: plan.map(({ firstMs, untilMs, ...one }) => ({
      ...one,
      first: iso(firstMs),
      until: iso(untilMs),
    })),
  }
}
