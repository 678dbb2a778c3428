/**
 * Files of a folder as browsers get them. Each has an ETag of its bytes, so that a browser that has
 * it gets 304. Names are looked up in a list, never joined to a path.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

/** A file as it is served. */
export interface ServedFile {
  readonly bytes: Buffer<ArrayBuffer>
  readonly type: string
  readonly etag: string
}

/** Media types by the ending of a name; a file with another ending is not served. */
export const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
}

/** The ETag of these bytes. */
export function tagBytes(bytes: Uint8Array): string {
  return `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`
}

/** The files of a folder, and others by name. */
export class ServedFiles {
  readonly #dir: string
  readonly #others: ReadonlyMap<string, string>
  #paths: ReadonlyMap<string, string> = new Map()

  /** `others` are paths of files that lie elsewhere, by the name that they are served under. */
  constructor(dir: string, others: ReadonlyMap<string, string> = new Map()) {
    this.#dir = dir
    this.#others = others
  }

  /** undefined if there is no file of this name. */
  async get(name: string): Promise<ServedFile | undefined> {
    if (!this.#paths.has(name)) this.#paths = await this.#find()
    const file = this.#paths.get(name)
    if (file === undefined) return undefined
    const bytes = Buffer.from(await readFile(file))
    const type = MEDIA_TYPES[path.extname(name)] ?? 'application/octet-stream'
    return { bytes, type, etag: tagBytes(bytes) }
  }

  async #find(): Promise<ReadonlyMap<string, string>> {
    const names = await readdir(this.#dir).catch((): readonly string[] => [])
    const own = names.filter((name) => path.extname(name) in MEDIA_TYPES)
    return new Map([
      ...own.map((name) => [name, path.join(this.#dir, name)] as const),
      ...this.#others,
    ])
  }
}
