/** What is left of an erased person in the lake's copy on S3. */
import type { CopyManifest } from '../lake/s3/copy-manifest.ts'

/** As the receipt keeps it. */
export interface ErasedCopy {
  /** `s3://bucket/prefix` */
  readonly address: string
  /** The first generation of the lake without the person; 0: it is not known. */
  readonly generation: number
  /** Old files that no manifest names any more and that are still there; null: not known. */
  readonly files: number | null
  /** When they are removed at the latest, while ccs runs; ISO 8601. */
  readonly due: string | null
  /** Since when none is there; null: some are. */
  readonly gone: string | null
  /** Why the copy still is as before; null: it is not. */
  readonly problem: string | null
}

/** After the rows of `generation` were uploaded. */
export function describeErasedCopy(
  visible: CopyManifest | undefined,
  about: {
    readonly address: string
    readonly generation: number
    readonly keepMs: number
    readonly nowMs: number
  },
): ErasedCopy {
  const { address, generation, keepMs, nowMs } = about
  const old = (visible?.replaced ?? []).filter((one) => one.generation < generation)
  const dueMs = old.reduce((last, { sinceMs }) => Math.max(last, sinceMs + keepMs), 0)
  return {
    ...{ address, generation, files: old.length },
    due: old.length === 0 ? null : new Date(dueMs).toISOString(),
    gone: isWithoutOlder(visible, generation) ? new Date(nowMs).toISOString() : null,
    problem: null,
  }
}

/** Whether neither what is visible nor what waits to be removed has rows of older generations. */
export function isWithoutOlder(visible: CopyManifest | undefined, generation: number): boolean {
  if (!visible || visible.generation < generation) return false
  return visible.replaced.every((one) => one.generation >= generation)
}

/** One sentence or two. */
export function formatErasedCopy({ address, files, due, gone, problem }: ErasedCopy): string {
  if (gone !== null) return `${address} has no file of the old rows any more.`
  if (problem !== null)
    return `${address} still has the old rows: ${problem} The next upload replaces them.`
  const which = files === null ? 'Files' : `${files} files`
  return (
    `${which} of the old rows are still in ${address}; no manifest names them. ` +
    `While ccs runs, or by ccs lake push, they are removed at ${due}.`
  )
}
