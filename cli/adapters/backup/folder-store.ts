/** Backups in a folder, such as one of a mounted disk. */
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { BackupStore, StoredObject } from '../../domain/backup/backup-store.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { writePieces } from '../files/file-pieces.ts'
import { type Files, isErrno } from '../files/files.ts'

/** A file that is written gets its name at the end. */
const PART = '.part'

/** `folder` is created with the first object. */
export function openFolderStore(files: Files, folder: string): BackupStore {
  const pathOf = (key: string) => join(folder, key)
  return {
    address: folder,
    list: async (prefix) => {
      const found: StoredObject[] = []
      for (const key of await listKeys(folder, prefix)) {
        const { bytes, modifiedMs } = await files.stat(pathOf(key))
        found.push({ key, bytes, modifiedMs })
      }
      return found
    },
    read: (key) => readObject(pathOf(key), key),
    write: async (key, _bytes, pieces) => {
      const path = pathOf(key)
      await files.mkdir(dirname(path))
      await writePieces(files, `${path}${PART}`, pieces())
      await files.rename(`${path}${PART}`, path)
      await files.fsyncDir(dirname(path))
    },
    remove: (key) => files.remove(pathOf(key)),
  }
}

async function listKeys(folder: string, prefix: string): Promise<readonly string[]> {
  const below = prefix.slice(0, prefix.lastIndexOf('/') + 1)
  try {
    const entries = await readdir(join(folder, below), { recursive: true, withFileTypes: true })
    return entries
      .filter((one) => one.isFile() && !one.name.endsWith(PART))
      .map((one) => join(one.parentPath, one.name).slice(join(folder, '/').length))
      .filter((key) => key.startsWith(prefix))
      .sort()
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

async function* readObject(path: string, key: string): AsyncGenerator<Uint8Array> {
  try {
    // Without an encoding they are bytes.
    for await (const piece of createReadStream(path)) yield piece as Uint8Array
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT')) throw cause
    throw new CcsError('CCS_BACKUP_INVALID', `The backup lacks ${key}.`, { cause })
  }
}
