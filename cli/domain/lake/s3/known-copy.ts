/**
 * What is known of the bucket: the manifest that is visible, and other objects that are there. All
 * of it is read from the bucket at first, so nothing of it is lost with a process.
 */
import type { Clock } from '../../kernel/clock.ts'
import { CcsError } from '../../kernel/errors.ts'
import type { Manifest } from '../manifest.ts'
import {
  COPY_FOLDERS,
  COPY_MANIFEST,
  type CopiedFile,
  type CopyManifest,
  parseCopyManifest,
  renderCopyManifest,
} from './copy-manifest.ts'
import { listBelow, type ObjectStore } from './object-store.ts'
import { listDue, listReplaced } from './plan-copy.ts'
import { runEach, tryAgain } from './try-again.ts'

/** Where the copy is, and whose it is. */
export interface CopyPlace {
  readonly store: ObjectStore
  readonly clock: Clock
  /** How long a replaced file stays. */
  readonly keepMs: number
  /** By which the copy knows whose it is. */
  readonly lake: string
  readonly signal?: AbortSignal | undefined
}

/** Objects that are worked on at once. */
export const AT_ONCE = 4

const LIST_EVERY_MS = 86_400_000

/** One for each data directory at a time. Errors are those of the store. */
export class KnownCopy {
  readonly #place: CopyPlace
  #visible: { readonly manifest: CopyManifest; readonly tag: string } | undefined
  /** Whether #visible is what the bucket has, as far as this process can know. */
  #isLoaded = false
  #listedMs: number | undefined
  /** Keys in the bucket, by their size, that #visible does not name. */
  readonly #there = new Map<string, number>()
  readonly #confirmed = new Set<string>()
  readonly #removed = new Set<string>()

  constructor(place: CopyPlace) {
    this.#place = place
  }

  get visible(): CopyManifest | undefined {
    return this.#visible?.manifest
  }

  /** Whether the bucket has been reached. */
  get isKnown(): boolean {
    return this.#listedMs !== undefined
  }

  /** Whether all objects of the bucket are to be looked at again. */
  get isListDue(): boolean {
    const { clock } = this.#place
    return this.#listedMs === undefined || clock.elapsedMs() - this.#listedMs >= LIST_EVERY_MS
  }

  /** Reads what is visible, and what else is there, unless that is known. */
  async open(isTakenOver: boolean): Promise<void> {
    const { store, clock, lake } = this.#place
    if (!this.#isLoaded) {
      const found = await this.#try(() => store.load(COPY_MANIFEST))
      const manifest = found && parseCopyManifest(found.body, store.address)
      if (manifest && manifest.lake !== lake && !isTakenOver) throw foreignError(store.address)
      this.#visible = found && manifest && { manifest, tag: found.tag }
      this.#isLoaded = true
    }
    if (!this.isListDue) return
    const listed = await listBelow(store, COPY_FOLDERS, (call) => this.#try(call))
    const named = new Set(this.visible?.files.map(({ key }) => key))
    this.#there.clear()
    this.#confirmed.clear()
    for (const { key, bytes } of listed) if (!named.has(key)) this.#there.set(key, bytes)
    this.#listedMs = clock.elapsedMs()
  }

  /** After an error, something else may be visible than what this process believes. */
  forget(): void {
    this.#isLoaded = false
  }

  /** Whether an object that is not visible yet is there, as far as its size says. */
  isThere({ key, bytes }: CopiedFile): boolean {
    return this.#there.get(key) === bytes
  }

  noteSent({ key, bytes }: CopiedFile): void {
    this.#there.set(key, bytes)
    this.#confirmed.delete(key)
  }

  /** Whether it was found as it should be since it was sent, or since the bucket was listed. */
  isConfirmed({ key }: CopiedFile): boolean {
    return this.#confirmed.has(key)
  }

  /** Removes what has been replaced for long enough; returns how many objects that were. */
  async removeDue(): Promise<number> {
    const { store, clock, keepMs } = this.#place
    const due = listDue(this.visible, { nowMs: clock.nowMs(), keepMs })
    await runEach(due, AT_ONCE, async (key) => {
      await this.#try(() => store.remove(key))
      this.#removed.add(key)
    })
    return due.length
  }

  /** Whether these objects are there with their bytes; those that are not have to be sent again. */
  async confirm(files: readonly CopiedFile[]): Promise<boolean> {
    let isWhole = true
    const { store } = this.#place
    const open = files.filter(({ key }) => !this.#confirmed.has(key))
    await runEach(open, 2 * AT_ONCE, async ({ key, bytes, crc32 }) => {
      const facts = await this.#try(() => store.inspect(key))
      const isSame = facts?.bytes === bytes && (facts.crc32 === null || facts.crc32 === crc32)
      if (isSame) this.#confirmed.add(key)
      else {
        this.#there.delete(key)
        isWhole = false
      }
    })
    return isWhole
  }

  /** Makes these files visible, all at once; they are there. */
  async publish(manifest: Manifest, files: readonly CopiedFile[]): Promise<void> {
    const { store, clock, lake } = this.#place
    const before = this.visible
    const nowMs = clock.nowMs()
    const more = { nowMs, listed: this.#there.keys(), removed: this.#removed }
    const replaced = listReplaced(before, files, more)
    const { serial, generation, committedMs } = manifest
    const next = { lake, serial, generation, committedMs, publishedMs: nowMs, files, replaced }
    if (before && isSame(before, next)) return
    const body = renderCopyManifest(next)
    const replace = () => store.replace(COPY_MANIFEST, body, this.#visible?.tag ?? null)
    const tag = (await this.#try(replace)) ?? (await this.#findOwn(body))
    this.#visible = { manifest: next, tag }
    this.#there.clear()
    this.#confirmed.clear()
    this.#removed.clear()
  }

  /** Another manifest is there than before: this one, if only the answer was lost. */
  async #findOwn(body: Buffer): Promise<string> {
    const { store } = this.#place
    const found = await this.#try(() => store.load(COPY_MANIFEST))
    if (found?.body.equals(body)) return found.tag
    throw new CcsError('CCS_S3_UNREACHABLE', `${store.address}: its manifest has changed.`, {
      hint: 'It is read again. If that repeats, another directory writes there too.',
    })
  }

  #try<T>(run: () => Promise<T>): Promise<T> {
    return tryAgain(this.#place, run)
  }
}

/** Apart from when it was published. */
function isSame(one: CopyManifest, other: CopyManifest): boolean {
  const { serial, lake, files, replaced } = one
  return (
    serial === other.serial &&
    lake === other.lake &&
    files.length === other.files.length &&
    replaced.length === other.replaced.length &&
    files.every(({ key }, index) => key === other.files[index]?.key) &&
    replaced.every(({ key }, index) => key === other.replaced[index]?.key)
  )
}

function foreignError(address: string): CcsError {
  return new CcsError('CCS_S3_INVALID', `${address} is the copy of another data directory.`, {
    hint:
      'Choose another lake.s3.prefix in ccs.yml. If this directory takes the place of the other, ' +
      'as a restored backup does: ccs lake push --take-over',
  })
}
