/**
 * The manifest on disk: read and checked as a whole, replaced by one rename. Serial and epoch
 * fence: a writer is rejected if it does not build on the current manifest, or if a later start of
 * an engine has committed. The lock keeps others away between this check and the rename.
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
  let fence: { readonly epoch: number; readonly isHeld: () => Promise<boolean> } | undefined
  return {
    load,
    commit: async (manifest) => {
      const { serial = 0, epoch = 0 } = (await load()) ?? {}
      if (manifest.serial !== serial + 1) throw serialError(path, serial, manifest.serial)
      if (fence && epoch > fence.epoch) throw lostError(path, 'a later engine has committed')
      if (fence && !(await fence.isHeld())) throw lostError(path, 'the lock of this one is gone')
      const stamped = fence ? { ...manifest, epoch: fence.epoch } : manifest
      await writeFileAtomic(files, path, renderManifest(stamped))
    },
    fence: (epoch, isHeld) => {
      fence = { epoch, isHeld }
    },
  }
}

/** Another value after each commit; a look at one file, which need not be there. */
export async function findRevision(files: Files, root: string): Promise<string> {
  const { inode, modifiedMs, bytes } = await files
    .stat(dataLayout(root).manifest)
    .catch(() => NO_FILE)
  return `${inode}-${modifiedMs}-${bytes}`
}

const NO_FILE = { inode: 0, modifiedMs: 0, bytes: 0 }

function serialError(path: string, found: number, tried: number): CcsError {
  const what = `${path} has serial ${found}, but serial ${tried} should follow ${tried - 1}`
  return new CcsError('CCS_ENGINE_LOCKED', `${what}: another process has committed meanwhile.`, {
    hint: 'Nothing was changed. Stop the other engine, then start this one again.',
  })
}

function lostError(path: string, why: string): CcsError {
  return new CcsError('CCS_ENGINE_LOCKED', `${path} is not replaced: ${why}.`, {
    hint: 'Nothing was changed. See which engine runs here: ccs status',
  })
}
