/** Temporary files in `tmp` of a data directory; those of killed processes are removed. */
import { join } from 'node:path'
import type { SpillFile } from '../../domain/ingest/sorted-run.ts'
import type { Files } from './files.ts'
import { clearScratch, makeScratch } from './scratch-dir.ts'

let opened = 0

/** Opens an empty file below the data directory `root`; closing it removes it. */
export async function openSpillFile(files: Files, root: string): Promise<SpillFile> {
  opened++
  const place = { parent: join(root, 'tmp'), name: `import${opened}` }
  await clearScratch(files, place, { nowMs: Date.now() })
  const dir = await makeScratch(files, place)
  const file = await files.open(join(dir, 'records'), 'wx+')
  return {
    write: (parts, position) => file.write(parts, position),
    read: (into, position) => file.read(into, position),
    close: async () => {
      await file.close()
      await files.remove(dir)
    },
  }
}
