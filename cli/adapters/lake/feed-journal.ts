/**
 * The journal of rows published to Gold's topics, as lines of JSON: written as a whole now and
 * then, appended to and synced in between. A torn last line is ignored (its change was not
 * published). If the journal is damaged, the topic is re-read and compared.
 */
import { Buffer } from 'node:buffer'
import { dataLayout } from '../../domain/lake/layout.ts'
import type { FeedJournal, PublishedCopy, PublishedState } from '../../domain/pipeline/gold-feed.ts'
import { type Files, isErrno, type OpenFile, writeFileAtomic } from '../files/files.ts'

const FORMAT = 1
const KEYS_A_LINE = 1_000

interface Line {
  readonly format?: number
  readonly generation?: number
  readonly serial?: number
  readonly model?: string
  readonly identity?: string
  readonly keys?: readonly string[]
  readonly doubt?: string
}

/** The journal of the data directory `root`, for the process that holds the engine's lock. */
export class DiskFeedJournal implements FeedJournal {
  readonly #files: Files
  readonly #path: string
  #file: OpenFile | undefined
  #end = 0
  #start = 0
  #doubts = 0
  #queue: Promise<unknown> = Promise.resolve()

  constructor(files: Files, root: string) {
    this.#files = files
    this.#path = dataLayout(root).publishedJournal
  }

  get bytes(): number {
    return this.#end - this.#start
  }

  get doubts(): number {
    return this.#doubts
  }

  load(): Promise<PublishedState | undefined> {
    return this.#inTurn(async () => {
      const bytes = await this.#files.readFile(this.#path).catch((error: unknown) => {
        if (isErrno(error, 'ENOENT')) return undefined
        throw error
      })
      if (!bytes) return undefined
      const end = bytes.lastIndexOf('\n') + 1
      this.#end = end
      this.#start = end
      return parseState(bytes.toString('utf8', 0, end))
    })
  }

  replace(memory: PublishedState, doubts: number): Promise<boolean> {
    return this.#inTurn(async () => {
      if (doubts !== this.#doubts) return false
      await this.#file?.close()
      this.#file = undefined
      const bytes = Buffer.from(renderState(memory))
      await writeFileAtomic(this.#files, this.#path, bytes)
      this.#start = bytes.length
      this.#end = bytes.length
      return true
    })
  }

  addKeys(model: string, keys: readonly string[]): Promise<void> {
    return this.#append(renderKeys(model, keys))
  }

  requestComparison(model: string): Promise<void> {
    this.#doubts++
    return this.#append(renderLine({ doubt: model }))
  }

  advance(serial: number): Promise<void> {
    return this.#append(renderLine({ serial }))
  }

  async close(): Promise<void> {
    await this.#inTurn(async () => {
      await this.#file?.close()
      this.#file = undefined
    })
  }

  #append(text: string): Promise<void> {
    return this.#inTurn(async () => {
      this.#file ??= await this.#openFile()
      const bytes = Buffer.from(text)
      try {
        await this.#file.write([bytes], this.#end)
        await this.#file.datasync()
      } catch (error) {
        // Opening the file again cuts off what was written of it.
        await this.#file.close().catch(() => undefined)
        this.#file = undefined
        throw error
      }
      this.#end += bytes.length
    })
  }

  async #openFile(): Promise<OpenFile> {
    const file = await this.#files.open(this.#path, 'r+').catch(async (error: unknown) => {
      if (!isErrno(error, 'ENOENT')) throw error
      await writeFileAtomic(this.#files, this.#path, Buffer.alloc(0))
      return this.#files.open(this.#path, 'r+')
    })
    await file.truncate(this.#end)
    return file
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(run)
    this.#queue = result.catch(() => undefined)
    return result
  }
}

function renderLine(value: Line): string {
  return `${JSON.stringify(value)}\n`
}

function renderKeys(model: string, keys: readonly string[]): string {
  const lines: string[] = []
  for (let at = 0; at < keys.length; at += KEYS_A_LINE)
    lines.push(renderLine({ model, keys: keys.slice(at, at + KEYS_A_LINE) }))
  return lines.join('')
}

function renderState({ generation, serial, copies }: PublishedState): string {
  const lines = [renderLine({ format: FORMAT, generation, serial })]
  for (const [model, { identity, keys }] of copies) {
    lines.push(renderLine({ model, identity }), renderKeys(model, keys ?? []))
    if (!keys) lines.push(renderLine({ doubt: model }))
  }
  return lines.join('')
}

/** undefined for a damaged or empty file. */
function parseState(text: string): PublishedState | undefined {
  const identities = new Map<string, string>()
  const keys = new Map<string, Set<string>>()
  const doubted = new Set<string>()
  let head: { readonly generation: number; serial: number } | undefined
  try {
    for (const one of text.split('\n').slice(0, -1)) {
      const { format, generation, serial, model, identity, doubt, ...more } = JSON.parse(
        one,
      ) as Line // written by textOf
      if (format === FORMAT && generation !== undefined && serial !== undefined)
        head = { generation, serial }
      else if (head && serial !== undefined) head.serial = serial
      if (model !== undefined && identity !== undefined) identities.set(model, identity)
      if (doubt !== undefined) doubted.add(doubt)
      if (model === undefined) continue
      const known = keys.get(model) ?? new Set()
      for (const key of more.keys ?? []) known.add(key)
      keys.set(model, known)
    }
  } catch {
    return undefined
  }
  if (!head) return undefined
  const copies = new Map<string, PublishedCopy & { readonly identity: string }>()
  for (const [model, identity] of identities) {
    const known = doubted.has(model) ? undefined : [...(keys.get(model) ?? [])]
    copies.set(model, { identity, keys: known })
  }
  return { ...head, copies }
}
