/**
 * Where dbt keeps target/ and logs/: a folder for each data directory, side by side. Each says whose it is, so that
 * the next run can clear those of data that is gone, such as that of tests.
 */
import { type Files, isErrno } from '../files/files.ts'

/** Beside target/ and logs/: the absolute path of the data directory. */
const OWNER = 'data-dir'
const FOLDER = /^[0-9a-f]{8}$/
/** No run takes this long; a folder that does not say whose it is may be of one that has just begun. */
const UNKNOWN_MS = 24 * 60 * 60_000

export interface DbtWork {
  readonly files: Files
  /** The folder of all of them. */
  readonly root: string
  /** This run's own: a hash of `dataDir`, or a word, which is never cleared. */
  readonly name: string
  readonly dataDir: string
  readonly nowMs: number
}

/** Makes this run's folder and clears those of data directories that no longer exist; its path. */
export async function provideDbtWork({
  files,
  root,
  name,
  dataDir,
  nowMs,
}: DbtWork): Promise<string> {
  const own = `${root}/${name}`
  await files.mkdir(own)
  await files.writeFile(`${own}/${OWNER}`, Buffer.from(dataDir))
  for (const other of await files.readdir(root)) {
    if (other === name || !FOLDER.test(other)) continue
    const folder = `${root}/${other}`
    const owner = await unlessGone(files.readFile(`${folder}/${OWNER}`))
    const isInUse =
      owner === undefined
        ? ((await unlessGone(files.stat(folder)))?.modifiedMs ?? 0) > nowMs - UNKNOWN_MS
        : (await unlessGone(files.stat(owner.toString('utf8')))) !== undefined
    if (!isInUse) await files.remove(folder)
  }
  return own
}

async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw error
  }
}
