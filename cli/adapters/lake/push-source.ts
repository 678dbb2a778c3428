/** The files of a commit as an upload reads them, also while an engine runs. */
import type { LakeFile } from '../../domain/lake/manifest.ts'
import type { PinnedFiles, PushPorts } from '../../domain/lake/s3/push-lake.ts'
import { checkFile } from '../files/file-check.ts'
import { readRange } from '../files/file-pieces.ts'
import type { Files } from '../files/files.ts'
import { withScratch } from '../files/scratch-dir.ts'
import { ClicksWriter } from './clicks.ts'
import type { Store } from './data-store.ts'
import { findRevision } from './manifest-store.ts'
import { pinCommit } from './pin-commit.ts'

/** What the uploads of a process read; close it in the end. */
export interface PushSource extends Pick<PushPorts, 'load' | 'withPinned'> {
  /** Another value after each commit. */
  findRevision(): Promise<string>
  close(): Promise<void>
}

/** Reads nothing yet. */
export function openPushSource(store: Store): PushSource {
  const { files, root, manifests } = store
  const clicks = new ClicksWriter(`${root}/spill`)
  return {
    load: () => manifests.load(),
    withPinned: async (wanted, use) => {
      const place = { parent: `${root}/tmp`, name: 'push' }
      return withScratch(files, place, Date.now(), async (dir) => {
        const paths = await pinFiles(store, wanted, dir)
        return use(openPinned(files, { dir, paths, clicks }))
      })
    },
    findRevision: () => findRevision(files, root),
    close: () => clicks.close(),
  }
}

async function pinFiles(
  store: Store,
  wanted: readonly LakeFile[],
  dir: string,
): Promise<ReadonlyMap<string, string>> {
  const manifest = await store.manifests.load()
  if (!manifest) return new Map()
  const names = new Set(wanted.map(({ name }) => name))
  const isWanted = ({ name }: LakeFile) => names.has(name)
  return (await pinCommit(store, manifest, { dir, isWanted })).paths
}

function openPinned(
  files: Files,
  parts: {
    readonly dir: string
    readonly paths: ReadonlyMap<string, string>
    readonly clicks: ClicksWriter
  },
): PinnedFiles {
  const { dir, paths, clicks } = parts
  return {
    open: ({ name, bytes, crc32 }) => {
      const path = paths.get(name)
      if (path === undefined) return undefined
      return { bytes, crc32, pieces: () => readRange(files, path, { from: 0, to: bytes }) }
    },
    withClicks: async (file, use) => {
      const path = paths.get(file.name)
      if (path === undefined) return undefined
      const made = `${dir}/clicks-${file.name}`
      try {
        const rows = await clicks.write(path, made)
        const { bytes, crc32 } = await checkFile(files, made)
        const pieces = () => readRange(files, made, { from: 0, to: bytes })
        return await use({ rows, bytes, crc32, pieces })
      } finally {
        await files.remove(made)
      }
    },
  }
}
