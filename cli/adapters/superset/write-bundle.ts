/** Writes rendered assets into a folder, for a Superset that ccs does not run. */
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { stringifyYaml } from '../../domain/documents/yaml-document.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { JsonObject } from '../../domain/kernel/json.ts'

/** The folder must be empty or not exist. Returns how many files there are. */
export async function writeBundle(
  dir: string,
  files: readonly (readonly [string, JsonObject])[],
): Promise<number> {
  await mkdir(dir, { recursive: true })
  if ((await readdir(dir)).length > 0)
    throw new CcsError('CCS_USAGE_INVALID', `${dir} is not empty.`, { hint: 'Name a new folder.' })
  for (const [name, content] of files) {
    const file = path.join(dir, name)
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, stringifyYaml(content))
  }
  return files.length
}
