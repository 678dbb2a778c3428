/** The files of the live page: its own, and uPlot's. */
import { createRequire } from 'node:module'
import path from 'node:path'
import { ServedFiles } from '../../adapters/http/served-files.ts'

/** The page's own files, which the build leaves in cli/; the same path from cli/ and from dist/. */
const PAGE_DIR = path.resolve(import.meta.dirname, '../../..', 'cli/web/live/page')

const CHART_FILES = ['uPlot.iife.min.js', 'uPlot.esm.js', 'uPlot.min.css']

/** Opens no file before one is asked for. */
export function openAssets(): ServedFiles {
  const chart = path.dirname(createRequire(import.meta.url).resolve('uplot'))
  return new ServedFiles(
    PAGE_DIR,
    new Map(CHART_FILES.map((name) => [name, path.join(chart, name)])),
  )
}
