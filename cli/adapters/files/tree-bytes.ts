/** How much a directory holds. */
import { type Files, isErrno, listNames } from './files.ts'

/** Bytes of all files below `dir`; 0 if there is none. Files may come and go meanwhile. */
export async function sumTreeBytes(files: Files, dir: string): Promise<number> {
  let sum = 0
  for (const name of await listNames(files, dir))
    try {
      const path = `${dir}/${name}`
      const { isDirectory, bytes } = await files.stat(path)
      sum += isDirectory ? await sumTreeBytes(files, path) : bytes
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error
    }
  return sum
}
