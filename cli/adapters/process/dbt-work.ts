/**
 * dbt's folders for target/ and logs/: one per data directory, side by side. Each names its data
 * directory, so that the next run can remove those whose data is gone, such as tests'.
 */
import { type Files, isErrno } from '../files/files.ts'

/** Stands beside target/ and logs/: the absolute path of the data directory. */
const OWNER = 'data-dir'
const FOLDER = /^[0-9a-f]{8}(-\w+)?$/
/** No run takes longer. A younger folder without an owner may belong to a run that just started. */
const UNKNOWN_MS = 24 * 60 * 60_000

/** Which folder to provide. */
export interface DbtWork {
  readonly files: Files
  /** The folder that contains all of them. */
  readonly root: string
  /** This run's folder: a hash of `dataDir`, or a word, which is never removed. */
  readonly name: string
  readonly dataDir: string
  readonly nowMs: number
}

/** Creates this run's folder, removes those whose data directory is gone; returns the path. */
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
    const owner = await ignoreMissing(files.readFile(`${folder}/${OWNER}`))
    const isInUse =
      owner === undefined
        ? ((await ignoreMissing(files.stat(folder)))?.modifiedMs ?? 0) > nowMs - UNKNOWN_MS
        : (await ignoreMissing(files.stat(owner.toString('utf8')))) !== undefined
    if (!isInUse) await files.remove(folder)
  }
  return own
}

async function ignoreMissing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw error
  }
}
