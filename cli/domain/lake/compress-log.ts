/**
 * Compression of the log: closed segments whose records are committed are replaced by a compressed
 * form with the same name, offsets and frames. First the manifest says that there may be such
 * segments, so that an older ccs, which can't read them, refuses the data directory.
 */
import type { RunningCommits } from './compact.ts'
import type { Lake, ManifestStore } from './lake.ts'
import type { Manifest } from './manifest.ts'
import { findCommittedEnd } from './prune-plan.ts'

/** A closed segment that is not compressed: records `from` up to, not including, `to`. */
export interface PlainSegment {
  readonly topic: string
  readonly partition: number
  readonly from: number
  readonly to: number
  readonly bytes: number
}

/** Is awaited for so many bytes before they are compressed; may reject to end it. */
export type Pace = (bytes: number) => Promise<void>

/** The files of the log. */
export interface CompressPorts {
  /** Closed segments of the topics that a commit speaks of, as far as they are not compressed. */
  listPlain(): Promise<readonly PlainSegment[]>
  /** Writes its compressed form beside it, and returns its length; undefined: it is damaged. */
  compress(segment: PlainSegment, pace?: Pace): Promise<number | undefined>
  /** Puts that form in its place; false: the segment was removed or changed meanwhile. */
  replace(segment: PlainSegment): Promise<boolean>
  /** The present, ms since 1970. */
  nowMs(): number
}

/** The `--json` document of `ccs log compress`. */
export interface CompressResult {
  readonly segments: number
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** Segments that are damaged: `ccs log verify` says where. */
  readonly damaged: number
}

/** Smaller files gain next to nothing. */
const BYTES_MIN = 16 * 1024

/** What of these may be compressed: it can be made again from the lake, if it must. */
export function planCompression(
  manifest: Pick<Manifest, 'positions' | 'dlqEnd'>,
  segments: readonly PlainSegment[],
): readonly PlainSegment[] {
  return segments.filter(
    (one) => one.bytes >= BYTES_MIN && one.to <= findCommittedEnd(one, manifest),
  )
}

/** How it is done. */
export interface CompressOptions {
  /** Commits that segments may be compressed. */
  readonly announce: () => Promise<void>
  /** Runs work during which retention removes no file. */
  readonly alone?: <T>(work: () => Promise<T>) => Promise<T>
  readonly pace?: Pace
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void
}

/** Compresses one segment after another, each durably before the next. */
export async function compressSegments(
  plan: readonly PlainSegment[],
  ports: CompressPorts,
  { announce, alone = (work) => work(), pace, onProgress }: CompressOptions,
): Promise<CompressResult> {
  const total = plan.reduce((sum, { bytes }) => sum + bytes, 0)
  let done = 0
  let result: CompressResult = { segments: 0, bytesBefore: 0, bytesAfter: 0, damaged: 0 }
  if (plan.length > 0) await announce()
  for (const segment of plan) {
    const before = done
    const bytes = await ports.compress(segment, async (some) => {
      await pace?.(some)
      done += some
      onProgress?.(done, total)
    })
    done = before + segment.bytes
    onProgress?.(done, total)
    if (bytes === undefined) result = { ...result, damaged: result.damaged + 1 }
    else if (await alone(() => ports.replace(segment)))
      result = {
        ...{ segments: result.segments + 1, damaged: result.damaged },
        bytesBefore: result.bytesBefore + segment.bytes,
        bytesAfter: result.bytesAfter + bytes,
      }
  }
  return result
}

/** Compresses where no engine runs; the caller holds the engine's lock. */
export async function compressIdle(
  { manifests, lake }: { readonly manifests: ManifestStore; readonly lake: Lake },
  ports: CompressPorts,
  onProgress?: CompressOptions['onProgress'],
): Promise<CompressResult> {
  const base = await manifests.load()
  const plan = base ? planCompression(base, await ports.listPlain()) : []
  const announce = async () => {
    const next = base && withCompressed(base, ports.nowMs())
    if (!next) return
    await manifests.commit(next)
    await lake.finalize(next)
  }
  return compressSegments(plan, ports, { announce, ...(onProgress ? { onProgress } : {}) })
}

/** Compresses inside a running engine; the manifest is changed between two of its commits. */
export async function compressBeside(
  engine: RunningCommits,
  ports: CompressPorts,
  options: Omit<CompressOptions, 'announce'>,
): Promise<CompressResult> {
  const { manifest } = engine
  const plan = manifest ? planCompression(manifest, await ports.listPlain()) : []
  const announce = () => engine.amend(async (base) => withCompressed(base, ports.nowMs()))
  return compressSegments(plan, ports, { ...options, announce })
}

/** The manifest that says so; undefined: this one does. */
function withCompressed(base: Manifest, committedMs: number): Manifest | undefined {
  if (base.compressedLog) return undefined
  return { ...base, serial: base.serial + 1, committedMs, compressedLog: true }
}
