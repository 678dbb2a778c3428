/**
 * Pins a commit's files by hard links, so that commands can read them for longer than a query
 * takes, while a running engine replaces them.
 */
import type { LakeFile, Manifest } from '../../domain/lake/manifest.ts'
import type { Store } from './data-store.ts'

const ATTEMPTS = 3

/** A commit whose files stay until `dir` is removed. */
export interface PinnedCommit {
  readonly manifest: Manifest
  readonly dir: string
  /** Name of a lake file → absolute path; missing files are absent. */
  readonly paths: ReadonlyMap<string, string>
  readonly stateDir: string
}

/** What to pin. */
export interface PinOptions {
  /** Its `lake` and `state` are replaced; the caller removes it in the end. */
  readonly dir: string
  /** Files of the lake to pin, without the state; by default all files and the state. */
  readonly isWanted?: (file: LakeFile) => boolean
}

/** Links a manifest's files into `dir`; takes the next manifest if it was replaced meanwhile. */
export async function pinCommit(
  store: Store,
  first: Manifest,
  { dir, isWanted }: PinOptions,
): Promise<PinnedCommit> {
  const { files } = store
  const part = (whole: Manifest): Manifest =>
    isWanted ? { ...whole, files: whole.files.filter(isWanted), state: [] } : whole
  let manifest = part(first)
  for (let attempt = 1; ; attempt++) {
    for (const folder of ['lake', 'state']) await files.remove(`${dir}/${folder}`)
    await files.mkdir(`${dir}/lake`)
    const pinned = await pinOnce(store, manifest, dir)
    const isWhole =
      pinned.paths.size === manifest.files.length && pinned.states === manifest.state.length
    const now = (await store.manifests.load()) ?? manifest
    if (isWhole || now.serial === manifest.serial || attempt === ATTEMPTS) return pinned
    manifest = part(now)
  }
}

async function pinOnce(
  store: Store,
  manifest: Manifest,
  dir: string,
): Promise<PinnedCommit & { readonly states: number }> {
  const [{ isErrno }, { dataLayout }] = await Promise.all([
    import('../files/files.ts'),
    import('../../domain/lake/layout.ts'),
  ])
  const { files } = store
  const link = async (from: string, to: string): Promise<boolean> => {
    try {
      await files.link(from, to)
      return true
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return false
      throw error
    }
  }
  const paths = new Map<string, string>()
  for (const [name, path] of await store.lake.locate(manifest))
    if (await link(path, `${dir}/lake/${name}`)) paths.set(name, `${dir}/lake/${name}`)
  let states = 0
  for (const { path } of manifest.state) {
    await files.mkdir(`${dir}/state/${path.slice(0, path.lastIndexOf('/'))}`)
    if (await link(`${dataLayout(store.root).state}/${path}`, `${dir}/state/${path}`)) states++
  }
  return { manifest, dir, paths, stateDir: `${dir}/state`, states }
}
