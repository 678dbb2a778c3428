/**
 * A leaf is one partition of one table. Readers see it as a folder of the tree, which is a link to
 * a version folder. Files are only added to a version folder, one at a time. Any other change
 * creates a new version folder of hard links and redirects the link by one rename, so that a
 * reader finds all old files or all new ones. Old versions stay for a grace time, for readers that
 * have already listed them.
 */
import { CcsError } from '../../domain/kernel/errors.ts'
import { REPAIR_HINT } from '../../domain/lake/damage.ts'
import { leafPath, parsePartName, partPath } from '../../domain/lake/layout.ts'
import type { LakeFile } from '../../domain/lake/manifest.ts'
import { type Files, isErrno, listNames } from '../files/files.ts'

/** The files in a version folder. Its number is the ms of its creation. */
export interface Version {
  readonly version: number
  readonly names: ReadonlySet<string>
}

/** A leaf as it lies on disk. */
export interface Leaf {
  readonly table: string
  readonly partition: string
  /** Oldest first. If `isLinked`, the link points to the last; else it may be older or missing. */
  readonly versions: readonly Version[]
  readonly isLinked: boolean
}

/** Identifies a leaf within a generation. */
export function leafKey(one: { readonly table: string; readonly partition: string }): string {
  return partPath(one.table, one.partition)
}

/** All leaves of the generation in `dir`, by key; changes nothing. */
export async function scanLeaves(files: Files, dir: string): Promise<Map<string, Leaf>> {
  const found = new Map<string, Leaf>()
  for (const table of await listNames(files, `${dir}/parts`)) {
    for (const part of await listNames(files, `${dir}/parts/${table}`)) {
      const leaf = await scanLeaf(files, dir, table, parsePartName(part))
      found.set(leafKey(leaf), leaf)
    }
  }
  return found
}

/** One leaf, with no versions if it doesn't exist. */
export async function scanLeaf(
  files: Files,
  dir: string,
  table: string,
  partition: string,
): Promise<Leaf> {
  const folder = `${dir}/parts/${partPath(table, partition)}`
  const numbers = (await listNames(files, folder)).filter((name) => /^\d+$/.test(name)).map(Number)
  const versions: Version[] = []
  for (const version of numbers.sort((a, b) => a - b))
    versions.push({ version, names: new Set(await listNames(files, `${folder}/${version}`)) })
  // With several versions, a crash may have come before the link was redirected to the last.
  const isLinked =
    versions.length === 1 && (await exists(files, `${dir}/tree/${leafPath(table, partition)}`))
  return { table, partition, versions, isLinked }
}

async function exists(files: Files, path: string): Promise<boolean> {
  try {
    await files.stat(path)
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return false
    throw error
  }
}

/** Path of a file of the leaf, in the newest version that has it. */
export function locateFile(dir: string, leaf: Leaf, name: string): string | undefined {
  const version = leaf.versions.findLast((one) => one.names.has(name))
  return version && `${versionPath(dir, leaf, version.version)}/${name}`
}

/** A version folder. */
export function versionPath(
  dir: string,
  leaf: { readonly table: string; readonly partition: string },
  version: number,
): string {
  return `${dir}/parts/${partPath(leaf.table, leaf.partition)}/${version}`
}

/**
 * Makes the leaf contain exactly `wanted`. New files are hard-linked from `staged` (name → path),
 * where they stay until everything is durable. Can be repeated after a crash at any step.
 */
export async function finalizeLeaf(
  files: Files,
  dir: string,
  leaf: Leaf,
  wanted: readonly LakeFile[],
  from: { readonly staged: ReadonlyMap<string, string>; readonly nowMs: number },
): Promise<Leaf> {
  const last = leaf.versions.at(-1)
  const missing = wanted.filter((file) => !last?.names.has(file.name))
  const isGrown = last !== undefined && wanted.length - missing.length === last.names.size
  if (last && isGrown && missing.length === 0) {
    if (!leaf.isLinked) await redirectLink(files, dir, leaf, last.version)
    return { ...leaf, isLinked: true }
  }
  const names = new Set(wanted.map((file) => file.name))
  const sources = new Map(
    wanted.map((file) => [
      file.name,
      locateFile(dir, leaf, file.name) ?? from.staged.get(file.name),
    ]),
  )
  const lost = [...sources].filter(([, path]) => path === undefined).map(([name]) => name)
  if (lost.length > 0) throw lostFilesError(leaf, lost)

  const [only] = missing
  if (last && leaf.isLinked && isGrown && only && missing.length === 1) {
    const folder = versionPath(dir, leaf, last.version)
    await linkInto(files, folder, only.name, sources.get(only.name) ?? '')
    await files.fsyncDir(folder)
    return { ...leaf, versions: [...leaf.versions.slice(0, -1), { version: last.version, names }] }
  }

  const version = Math.max(from.nowMs, (last?.version ?? 0) + 1)
  const folder = versionPath(dir, leaf, version)
  await makeDir(files, dir, folder)
  for (const [name, path] of sources) await linkInto(files, folder, name, path ?? '')
  await files.fsyncDir(folder)
  await redirectLink(files, dir, leaf, version)
  return { ...leaf, versions: [...leaf.versions, { version, names }], isLinked: true }
}

/** Removes the leaf from the tree, then its files. */
export async function removeLeaf(files: Files, dir: string, leaf: Leaf): Promise<void> {
  const link = `${dir}/tree/${leafPath(leaf.table, leaf.partition)}`
  if (await exists(files, link)) {
    await files.unlink(link)
    await files.fsyncDir(parentOf(link))
  }
  await files.remove(`${dir}/parts/${partPath(leaf.table, leaf.partition)}`)
}

/** Deletes the version folders that were replaced before `beforeMs`. */
export async function dropOldVersions(
  files: Files,
  dir: string,
  leaf: Leaf,
  beforeMs: number,
): Promise<Leaf> {
  if (!leaf.isLinked) return leaf
  const isOld = (_: Version, index: number) =>
    (leaf.versions[index + 1]?.version ?? Number.POSITIVE_INFINITY) < beforeMs
  const old = leaf.versions.filter(isOld)
  for (const { version } of old) await files.remove(versionPath(dir, leaf, version))
  return old.length === 0 ? leaf : { ...leaf, versions: leaf.versions.slice(old.length) }
}

/** Replaces a link in one step; the temporary name lies outside the tree that readers glob. */
export async function replaceLink(
  files: Files,
  link: string,
  target: string,
  temporary: string,
): Promise<void> {
  await files.remove(temporary)
  await files.symlink(target, temporary)
  await files.rename(temporary, link)
  await files.fsyncDir(parentOf(link))
}

async function redirectLink(files: Files, dir: string, leaf: Leaf, version: number): Promise<void> {
  const path = leafPath(leaf.table, leaf.partition)
  const link = `${dir}/tree/${path}`
  await makeDir(files, dir, parentOf(link))
  const up = '../'.repeat(path.split('/').length)
  const target = `${up}parts/${partPath(leaf.table, leaf.partition)}/${version}`
  await replaceLink(files, link, target, `${dir}/link.tmp`)
}

async function linkInto(files: Files, folder: string, name: string, from: string): Promise<void> {
  try {
    await files.link(from, `${folder}/${name}`)
  } catch (error) {
    // A crash came after this link; names are unique in the lake, so it is the same file.
    if (!isErrno(error, 'EEXIST')) throw error
  }
}

/** Creates a directory and its parents durably, below the existing `top`. */
export async function makeDir(files: Files, top: string, dir: string): Promise<void> {
  await files.mkdir(dir)
  for (let path = dir; path.length > top.length; path = parentOf(path))
    await files.fsyncDir(parentOf(path))
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

function lostFilesError(leaf: Leaf, names: readonly string[]): CcsError {
  const more = names.length > 1 ? ` and ${names.length - 1} more` : ''
  const what = `${leafPath(leaf.table, leaf.partition)}/${names[0]}${more}`
  return new CcsError('CCS_LAKE_DAMAGED', `The lake has lost ${what}, which the manifest names.`, {
    hint: REPAIR_HINT,
  })
}
