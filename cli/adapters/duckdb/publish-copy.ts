/**
 * Publishes a DuckDB file: copies it, opens the copy to see that it can be read, makes it durable
 * and renames it. Readers see the old file or the new one, complete.
 */
import { constants } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { diskError } from '../files/disk-error.ts'
import { type Files, isErrno } from '../files/files.ts'
import { openDuck } from './duckdb.ts'

/** Returns the names of the tables and views in the schema main, sorted. */
export async function publishCopy(
  files: Files,
  from: string,
  to: string,
): Promise<readonly string[]> {
  if (await exists(files, `${from}.wal`)) await checkpoint(from)
  const temporary = `${to}.new`
  await files.remove(temporary)
  await files.remove(`${temporary}.wal`)
  try {
    // If the file system can, the copy shares its blocks and costs nothing.
    await copyFile(from, temporary, constants.COPYFILE_FICLONE).catch((error: unknown) => {
      throw diskError(error, temporary)
    })
    const names = await listTables(temporary)
    const file = await files.open(temporary, 'r+')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
    await files.rename(temporary, to)
    await files.fsyncDir(dirname(to))
    return names
  } catch (error) {
    await files.remove(temporary)
    throw error
  }
}

/** Needed if dbt was killed before it had written its last changes into the file. */
async function checkpoint(path: string): Promise<void> {
  const duck = await openDuck({ path, threads: 1 })
  try {
    const connection = await duck.connect()
    await connection.run('CHECKPOINT')
    connection.close()
  } finally {
    duck.close()
  }
}

async function listTables(path: string): Promise<readonly string[]> {
  const duck = await openDuck({ path, readOnly: true, threads: 1 })
  try {
    const connection = await duck.connect()
    const { rows } = await connection.all(
      `SELECT table_name FROM information_schema.tables
       WHERE table_schema = 'main' AND table_catalog = current_database() ORDER BY 1`,
    )
    connection.close()
    return rows.map((row) => String(row.table_name))
  } finally {
    duck.close()
  }
}

async function exists(files: Files, path: string): Promise<boolean> {
  try {
    await files.stat(path)
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false
    throw error
  }
}
