/** The tracker as the collector serves it: the files that `npm run build` leaves in dist/. */
import { readFile } from 'node:fs/promises'
import path from 'node:path'

/** Where the built files are; the same path from cli/ and from dist/. */
export const TRACKER_DIR = path.resolve(import.meta.dirname, '../../..', 'dist/web/tracker/files')

/** What the tracker's scripts call to send events: each names it once, for a server to replace. */
export const INLET_PATH = '/ccs/in'

/** The tracker's files. */
export interface TrackerFiles {
  /** GET /ccs.js, a classic script. */
  readonly script: Buffer
  /** GET /ccs.mjs, an ES module. */
  readonly module: Buffer
  /** GET /ccs.d.ts, the module's types. */
  readonly types: Buffer
}

/** Reads the built files; fails if there was no build. */
export async function readTracker(dir = TRACKER_DIR): Promise<TrackerFiles> {
  const read = (name: string) => readFile(path.join(dir, name))
  const [script, module, types] = await Promise.all([
    read('ccs.js'),
    read('ccs.mjs'),
    read('ccs.d.ts'),
  ])
  return { script, module, types }
}
