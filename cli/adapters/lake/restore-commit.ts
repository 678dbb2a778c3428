/** Writes the commit of a backup into a data directory. */
import { readWhole, type SavedReader } from '../../domain/backup/saved-reader.ts'
import { lakeKey, type SavedCommit, stateKey } from '../../domain/backup/snapshot.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import type { Manifest } from '../../domain/lake/manifest.ts'
import { parseManifest } from '../../domain/lake/manifest-text.ts'
import type { FileChecksum } from '../files/file-check.ts'
import { type Files, writeFileAtomic } from '../files/files.ts'
import { writeNewFile } from '../files/new-directory.ts'
import { LocalLake } from './local-lake.ts'

/** `root` has no commit yet. CCS_BACKUP_INVALID for damage in the backup. */
export async function restoreCommit(
  files: Files,
  reader: SavedReader,
  commit: SavedCommit,
  { root, nowMs }: { readonly root: string; readonly nowMs: number },
): Promise<Manifest> {
  const text = await readWhole(reader.read(commit))
  const manifest = parseManifest(text, commit.key)
  const { state, stage, manifest: path } = dataLayout(root)
  const save = (key: string, { bytes, crc32 }: FileChecksum, to: string) =>
    writeNewFile(files, to, reader.read({ key, bytes, crc32 }))
  await files.mkdir(stage)
  for (const file of manifest.files)
    await save(lakeKey(file), file, `${stage}/restore/${file.name}`)
  for (const file of manifest.state) await save(stateKey(file), file, `${state}/${file.path}`)
  // Moves the files of the lake from the stage to their places.
  await new LocalLake({ files, root, nowMs: () => nowMs }).finalize(manifest)
  await writeFileAtomic(files, path, text)
  return manifest
}
