/**
 * The files of the live page: its own, and uPlot's. Each has an ETag of its bytes, so that a
 * browser that has it gets 304. Names are looked up in a list, never joined to a path.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'

/** A file as it is served. */
export interface Asset {
  readonly bytes: Buffer<ArrayBuffer>
  readonly type: string
  readonly etag: string
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
}

/** The page's own files, which the build leaves in cli/; the same path from cli/ and from dist/. */
export const PAGE_DIR = path.resolve(import.meta.dirname, '../../..', 'cli/web/live/page')

const CHART_FILES = ['uPlot.iife.min.js', 'uPlot.esm.js', 'uPlot.min.css']

/** `dir` contains the page's own files. */
export class Assets {
  readonly #dir: string
  #paths: ReadonlyMap<string, string> = new Map()

  constructor(dir: string) {
    this.#dir = dir
  }

  /** undefined if there is no file of this name. */
  async get(name: string): Promise<Asset | undefined> {
    if (!this.#paths.has(name)) this.#paths = await this.#find()
    const file = this.#paths.get(name)
    if (file === undefined) return undefined
    const bytes = await readFile(file)
    const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
    const type = TYPES[path.extname(name)] ?? 'application/octet-stream'
    return { bytes: Buffer.from(bytes), type, etag }
  }

  async #find(): Promise<ReadonlyMap<string, string>> {
    const own = (await readdir(this.#dir)).filter((name) => path.extname(name) in TYPES)
    const found = new Map(own.map((name) => [name, path.join(this.#dir, name)]))
    const chart = path.dirname(createRequire(import.meta.url).resolve('uplot'))
    for (const name of CHART_FILES) found.set(name, path.join(chart, name))
    return found
  }
}
