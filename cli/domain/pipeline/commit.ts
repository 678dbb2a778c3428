/**
 * One commit of the engine up to the manifest's rename, which makes it visible.
 * Until then it can be repeated.
 */

import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'
import type { Lake, ManifestStore } from '../lake/lake.ts'
import { findFormat, type Manifest, pickMarks } from '../lake/manifest.ts'
import type { BatchEngine, FrozenRows, WrittenCommit } from './batch-engine.ts'

/** What a commit writes to. */
export interface CommitParts {
  readonly clock: Clock
  readonly engine: BatchEngine
  readonly lake: Lake
  readonly manifests: ManifestStore
}

/** The snapshot to commit, and the commit before it. */
export interface CommitInput {
  readonly frozen: FrozenRows
  readonly previous: Manifest | undefined
  /** Fields of the manifest other than files, state and positions. */
  readonly rest: Pick<Manifest, 'models' | 'schemas' | 'dlqEnd' | 'sources' | 'gaps'>
}

/**
 * Writes the snapshot's files, then the manifest with the next serial; both are
 * durable when it resolves.
 */
export async function writeCommit(
  { engine, lake, manifests, clock }: CommitParts,
  { frozen, previous, rest }: CommitInput,
): Promise<{ readonly written: WrittenCommit; readonly manifest: Manifest }> {
  const serial = (previous?.serial ?? 0) + 1
  const commit = `c${String(serial).padStart(8, '0')}`
  const stage = await lake.stage(commit)
  const { files: before = [], state = [] } = previous ?? {}
  const marks = pickMarks(previous ?? {})
  const written = await engine.write(frozen, { stage, previous: state })
  const files = await lake.seal(written.staged, commit)
  const manifest: Manifest = {
    format: findFormat(marks),
    serial,
    generation: previous?.generation ?? 1,
    committedMs: clock.nowMs(),
    positions: frozen.positions,
    counts: frozen.counts,
    files: [...before.filter(({ table }) => !written.replaced.includes(table)), ...files],
    state: written.state,
    dedupedDays: frozen.dedupedDays,
    ...marks,
    ...rest,
  }
  await replaceManifest(manifests, manifest)
  return { written, manifest }
}

/** Replaces the manifest; an error after the rename still counts as success. */
export async function replaceManifest(manifests: ManifestStore, manifest: Manifest): Promise<void> {
  try {
    await manifests.commit(manifest)
  } catch (error) {
    // The rename may have succeeded although the call failed; a rejected one never did.
    const isRejected = error instanceof CcsError && error.code === 'CCS_ENGINE_LOCKED'
    if (isRejected || (await manifests.load())?.serial !== manifest.serial) throw error
  }
}

/** What a user should know of a commit, in sentences; mostly nothing. */
export function describeCommitted({ replaced, unfinished }: WrittenCommit): readonly string[] {
  return [
    ...replaced.map(
      (model) =>
        `${model}: events for final rows arrived in another partition; ` +
        'the model was rebuilt from Silver.',
    ),
    ...unfinished.map(
      ({ model, message }) =>
        `${model} can't compute rows that are final now, so they stay where they are: ${message} ` +
        'To set the records aside that it fails on: ccs deploy --rebuild --yes',
    ),
  ]
}
