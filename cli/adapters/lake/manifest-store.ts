/**
 * The manifest on disk: read and checked as a whole, replaced by one rename. The serial number
 * fences: a writer that does not build on the current manifest is rejected.
 */
import { CcsError } from '../../domain/kernel/errors.ts'
import type { ManifestStore } from '../../domain/lake/lake.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import { parseManifest, renderManifest } from '../../domain/lake/manifest-text.ts'
import { type Files, isErrno, writeFileAtomic } from '../files/files.ts'

/**
 * `root` is an existing data directory. After a failed `commit` the old or the new manifest is in
 * place, complete: load it to find out which.
 */
export function openManifestStore(files: Files, root: string): ManifestStore {
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
      if (manifest.serial !== serial + 1) throw fencedError(path, serial, manifest.serial)
      await writeFileAtomic(files, path, renderManifest(manifest))
    },
  }
}

function fencedError(path: string, found: number, tried: number): CcsError {
  const what = `${path} has serial ${found}, but serial ${tried} should follow ${tried - 1}`
  return new CcsError('CCS_ENGINE_LOCKED', `${what}: another process has committed meanwhile.`, {
    hint: 'Nothing was changed. Stop the other engine, then start this one again.',
  })
}
