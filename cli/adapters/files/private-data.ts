/**
 * Keeps what a data directory holds from other users of the machine. New files are private by the
 * umask of the process, which DuckDB and dbt follow too; what older versions left open is closed at
 * the first level, below which nothing can be reached then.
 */
import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import { diskError } from './disk-error.ts'
import { isErrno } from './files.ts'

/**
 * What ccs creates in a data directory: nothing else in it is touched. A token that others could
 * read must not become private: it is replaced.
 */
const OWN = new RegExp(
  '^(log|state|stage|locks|history|marts|lake-\\d+|(manifest|engine)\\.json(\\.tmp)?|' +
    'published\\.ndjson)$',
)
const OTHERS = 0o077

/** Takes all rights of others from what ccs has created in `dir`; returns whether they had any. */
export async function makePrivate(dir: string): Promise<boolean> {
  let isChanged = false
  for (const name of (await fs.readdir(dir)).filter((one) => OWN.test(one))) {
    const path = join(dir, name)
    try {
      const { mode, uid } = await fs.lstat(path)
      // Another user's files are theirs to close.
      if ((mode & OTHERS) === 0 || uid !== process.getuid?.()) continue
      await fs.chmod(path, mode & 0o700)
      isChanged = true
    } catch (error) {
      // Some come and go: engine.json.tmp, a generation of the lake.
      if (!isErrno(error, 'ENOENT')) throw diskError(error, path)
    }
  }
  return isChanged
}
