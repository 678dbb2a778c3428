/**
 * The marts of a data directory for the process that builds them: warehouse, marts.json, seen.json.
 */
import { existsSync } from 'node:fs'
import { layOutMarts, parseBuildInput, renderJson } from '../../domain/marts/marts.ts'
import type { DbtPorts } from '../../domain/marts/run-dbt.ts'
import { type Files, writeFileAtomic } from '../files/files.ts'
import { publishCopy } from './publish-copy.ts'
import { readMarts } from './published-marts.ts'

/** `warehouse` is the path of the DuckDB file that dbt owns. */
export async function openMartsStore(
  files: Files,
  dataDir: string,
  warehouse: string,
): Promise<Pick<DbtPorts, 'publish' | 'info' | 'lastInput' | 'saveInfo'>> {
  const marts = layOutMarts(dataDir)
  await files.mkdir(marts.root)
  return {
    publish: () => publishCopy(files, warehouse, marts.serve),
    info: () => readMarts({ dataDir }, files),
    lastInput: async () => {
      // What is known of a warehouse that is gone says nothing about the next.
      if (!existsSync(warehouse) || !existsSync(marts.seen)) return undefined
      return parseBuildInput((await files.readFile(marts.seen)).toString('utf8'))
    },
    saveInfo: async (info, seen) => {
      await writeFileAtomic(files, marts.info, renderJson(info))
      if (seen) await writeFileAtomic(files, marts.seen, renderJson(seen))
    },
  }
}
