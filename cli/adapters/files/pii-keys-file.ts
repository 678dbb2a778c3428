/** The file of keys of pseudonyms, which only its owner may read. */
import { chmod } from 'node:fs/promises'
import { type PiiKeys, parsePiiKeys } from '../../domain/privacy/pii-keys.ts'
import { type Files, isErrno } from './files.ts'

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
  const temporary = `${path}.tmp`
  await files.remove(temporary)
  await files.writeFile(temporary, new Uint8Array())
  await chmod(temporary, 0o600)
  const file = await files.open(temporary, 'r+')
  try {
    await file.write([Buffer.from(`${JSON.stringify(keys, null, 2)}\n`)], 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await files.rename(temporary, path)
  await files.fsyncDir(path.slice(0, Math.max(1, path.lastIndexOf('/'))))
}
