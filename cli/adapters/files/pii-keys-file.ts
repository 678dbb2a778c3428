/** The file of keys of pseudonyms, which only its owner may read. */
import { chmod } from 'node:fs/promises'
import { type PiiKeys, parsePiiKeys } from '../../domain/privacy/pii-keys.ts'
import { type Files, isErrno, temporaryPath, writeFileAtomic } from './files.ts'

/** undefined: there is no such file. CCS_KEYS_INVALID: it is not one of ccs. */
export async function loadPiiKeys(files: Files, path: string): Promise<PiiKeys | undefined> {
  try {
    return parsePiiKeys((await files.readFile(path)).toString('utf8'), path)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Durable when it resolves. Nobody else can read it at any time. */
export async function savePiiKeys(files: Files, path: string, keys: PiiKeys): Promise<void> {
  const temporary = temporaryPath(path)
  await files.remove(temporary)
  // It keeps its mode when it is written, and when it takes the other's place.
  await files.writeFile(temporary, new Uint8Array())
  await chmod(temporary, 0o600)
  await writeFileAtomic(files, path, Buffer.from(`${JSON.stringify(keys, null, 2)}\n`))
}
