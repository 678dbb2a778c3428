/** A commit as a backup reads it, also while an engine runs. */
import { lakeKey, stateKey } from '../../domain/backup/snapshot.ts'
import type { BackupSource, ByteSource, CommitFile } from '../../domain/backup/take-backup.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { listNotes } from '../../domain/lake/layout.ts'
import { renderManifest } from '../../domain/lake/manifest-text.ts'
import { readRange } from '../files/file-pieces.ts'
import { type Files, isErrno } from '../files/files.ts'
import { withScratch } from '../files/scratch-dir.ts'
import type { Store } from './data-store.ts'
import { pinCommit } from './pin-commit.ts'

/** What a backup of this data directory reads beside the log. CCS_LAKE_DAMAGED: a file is gone. */
export function openBackupSource(store: Store): Omit<BackupSource, 'log'> {
  const { files, root } = store
  return {
    withCommit: async (use) => {
      const first = await store.manifests.load()
      if (!first) return use(undefined)
      const place = { parent: `${root}/tmp`, name: 'backup' }
      return withScratch(files, place, Date.now(), async (dir) => {
        const { manifest, paths, stateDir } = await pinCommit(store, first, { dir })
        const found: CommitFile[] = []
        for (const file of manifest.files) {
          const path = paths.get(file.name)
          if (path === undefined) throw missingError(file.name)
          found.push({ ...(await open(files, path)), key: lakeKey(file), crc32: file.crc32, path })
        }
        for (const file of manifest.state) {
          const path = `${stateDir}/${file.path}`
          found.push({ ...(await open(files, path)), key: stateKey(file), crc32: file.crc32, path })
        }
        return use({ manifest, text: renderManifest(manifest), files: found })
      })
    },
    notes: async () => {
      const found: (ByteSource & { readonly path: string })[] = []
      for (const path of listNotes(root)) {
        try {
          found.push({ ...(await open(files, path)), path: path.slice(root.length + 1) })
        } catch (error) {
          if (!isErrno(error, 'ENOENT')) throw error
        }
      }
      return found
    },
  }
}

async function open(files: Files, path: string): Promise<ByteSource> {
  const { bytes } = await files.stat(path)
  return { bytes, pieces: () => readRange(files, path, { from: 0, to: bytes }) }
}

function missingError(name: string): CcsError {
  return new CcsError('CCS_LAKE_DAMAGED', `${name} is missing in the lake.`, {
    hint: 'No backup was made. See: ccs lake verify',
  })
}
