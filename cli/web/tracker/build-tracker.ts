/**
 * Builds the files that browsers load: joins and minifies the modules of browser/, and derives
 * their types from the contract. `npm run build` runs it after the compiler; the product never
 * does.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'
import { TRACKER_DIR } from './tracker-files.ts'
import { generateTrackerTypes } from './tracker-types.ts'

const ROOT = path.resolve(import.meta.dirname, '../../..')
const SOURCES = path.join(ROOT, 'cli/web/tracker/browser')
/** Understood by every browser of the last four years. */
const LANGUAGE = 'es2020'

/** Writes ccs.js, ccs.mjs and ccs.d.ts into `dir`. */
export async function buildTracker(dir = TRACKER_DIR): Promise<void> {
  const [script, module, schema] = await Promise.all([
    bundle('script.js', 'iife'),
    bundle('module.js', 'es'),
    readFile(path.join(ROOT, 'schemas/events.raw.avsc'), 'utf8'),
  ])
  await mkdir(dir, { recursive: true })
  await Promise.all([
    writeFile(path.join(dir, 'ccs.js'), script),
    writeFile(path.join(dir, 'ccs.mjs'), module),
    writeFile(path.join(dir, 'ccs.d.ts'), generateTrackerTypes(schema)),
  ])
}

async function bundle(entry: string, format: 'es' | 'iife'): Promise<string> {
  const build = await rolldown({
    input: path.join(SOURCES, entry),
    transform: { target: LANGUAGE },
  })
  try {
    const { output } = await build.generate({ format, minify: true, comments: false })
    // Marks for bundlers, of no use to a browser.
    return output[0].code.replaceAll('/* @__PURE__ */ ', '').trim()
  } finally {
    await build.close()
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await buildTracker()
