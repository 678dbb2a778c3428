/**
 * Hard links to the files of a commit, which stay when the engine replaces them, and what the
 * footers of those files say that were not published before.
 */
import { CcsError } from '../../../domain/kernel/errors.ts'
import { listNewFiles } from '../../../domain/lake/formats/add-snapshot.ts'
import type { FileFacts, OpenLake } from '../../../domain/lake/formats/open-lake.ts'
import { treePath } from '../../../domain/lake/layout.ts'
import type { LakeFile, Manifest } from '../../../domain/lake/manifest.ts'
import { withDuck } from '../../duckdb/with-duck.ts'
import { type Files, isErrno } from '../../files/files.ts'
import type { Store } from '../data-store.ts'
import { makeDir } from '../leaf.ts'
import { readFileFacts } from './file-facts.ts'

/** A commit whose files are linked. */
export interface LinkedCommit {
  readonly manifest: Manifest
  /** By name, of the files that were not published before. */
  readonly facts: ReadonlyMap<string, FileFacts>
}

/** Attempts at a commit whose files the engine replaces meanwhile. */
const ATTEMPTS = 5

/**
 * Links the newest commit's new files into `dir`; takes the next commit if they were replaced
 * meanwhile. undefined: nothing was committed yet; CCS_LAKE_DAMAGED: a file is missing.
 */
export async function linkCommit(
  store: Store,
  dir: string,
  lake: OpenLake,
): Promise<LinkedCommit | undefined> {
  for (let attempt = 1; ; attempt++) {
    const manifest = await store.manifests.load()
    if (manifest === undefined) return undefined
    const added = listNewFiles(lake, manifest)
    const missing = await linkFiles(store, dir, { ...manifest, files: added })
    if (missing === undefined) return { manifest, facts: await readFacts(dir, added) }
    if (attempt === ATTEMPTS)
      throw new CcsError('CCS_LAKE_DAMAGED', `${missing} of the lake is missing.`, {
        hint: 'See: ccs lake verify',
      })
  }
}

async function readFacts(
  dir: string,
  files: readonly LakeFile[],
): Promise<ReadonlyMap<string, FileFacts>> {
  const facts = new Map<string, FileFacts>()
  if (files.length === 0) return facts
  await withDuck({ threads: 1 }, async (connection) => {
    for (const file of files) {
      const path = `${dir}/files/${treePath(file)}`
      facts.set(file.name, await readFileFacts(connection, path))
    }
  })
  return facts
}

/** The name of a file that is missing; undefined: all are linked, durably. */
async function linkFiles(
  { files, root, lake }: Store,
  dir: string,
  manifest: Manifest,
): Promise<string | undefined> {
  const places = await lake.locate(manifest)
  const folders = new Set<string>()
  for (const file of manifest.files) {
    const path = `${dir}/files/${treePath(file)}`
    const folder = path.slice(0, path.lastIndexOf('/'))
    if (!folders.has(folder)) await makeDir(files, root, folder)
    folders.add(folder)
    const place = places.get(file.name)
    if (place === undefined || !(await linkFile(files, place, path, file))) return file.name
  }
  for (const folder of folders) await files.fsyncDir(folder)
  return undefined
}

/** false: the file is gone. */
async function linkFile(
  files: Files,
  from: string,
  to: string,
  { bytes }: LakeFile,
): Promise<boolean> {
  try {
    await files.link(from, to)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false
    if (!isErrno(error, 'EEXIST')) throw error
    // Of a publication that did not end, or of an older snapshot: a name has its file's checksum.
    return (await files.stat(to)).bytes === bytes
  }
  return true
}
