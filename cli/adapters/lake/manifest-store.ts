/**
 * The manifest on disk: read whole and checked, replaced by one rename. The serial fences: a writer whose
 * base is no longer the current manifest is refused, so two writers can never both go on.
 */
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'
import type { ManifestStore } from '../../domain/lake/lake.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import { parseManifest, renderManifest } from '../../domain/lake/manifest-text.ts'
import { type Files, isErrno, writeFileAtomic } from '../files/files.ts'

/**
 * Of the data directory `root`, which exists. A `commit` that fails has put the old or the new manifest in
 * place, whole: load to know which.
 */
export function manifestStore(files: Files, root: string): ManifestStore {
  const path = dataLayout(root).manifest
  const load = async (): Promise<Manifest | undefined> => {
    try {
      return parseManifest(await files.readFile(path), path)
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined
      throw error
    }
  }
  return {
    load,
    commit: async (manifest) => {
      const serial = (await load())?.serial ?? 0
      if (manifest.serial !== serial + 1) throw fenced(path, serial, manifest.serial)
      await writeFileAtomic(files, path, renderManifest(manifest))
    },
  }
}

function fenced(path: string, found: number, tried: number): CcsError {
  const what = `${path} has serial ${found}, and serial ${tried} was to follow ${tried - 1}`
  return new CcsError('CCS_ENGINE_LOCKED', `${what}: another process has committed meanwhile.`, {
    exit: EXIT.unexpected,
    hint: 'Nothing was changed. Stop the other engine, then start this one again.',
  })
}
