/**
 * Brings the copy of the lake up to the last commit. Files go up first, each is looked at once more
 * when all are there, and one conditional write of the manifest makes them visible. Everything can
 * be repeated: what is needed to go on after a crash at any point is in the bucket.
 */
import { CcsError } from '../../kernel/errors.ts'
import { least } from '../../kernel/lists.ts'
import { REPAIR_HINT } from '../damage.ts'
import type { LakeFile, Manifest } from '../manifest.ts'
import { type CopiedFile, type CopyManifest, copyKey } from './copy-manifest.ts'
import { AT_ONCE, type CopyPlace, KnownCopy } from './known-copy.ts'
import type { ObjectBody } from './object-store.ts'
import { listWanted, toClicks, toCopied, type WantedFile } from './plan-copy.ts'
import { runEach, tryAgain } from './try-again.ts'

/** Files of a commit, which stay while they are read. */
export interface PinnedFiles {
  /** undefined: the file was replaced before it could be pinned. */
  open(file: LakeFile): ObjectBody | undefined
  /** Runs `use` with the clicks of a file of Bronze; undefined as above. */
  withClicks<T>(
    file: LakeFile,
    use: (made: ObjectBody & { readonly rows: number }) => Promise<T>,
  ): Promise<T | undefined>
}

/** What the copy is made of, and where. */
export interface PushPorts extends CopyPlace {
  /** The last commit. */
  load(): Promise<Manifest | undefined>
  withPinned<T>(files: readonly LakeFile[], use: (pinned: PinnedFiles) => Promise<T>): Promise<T>
  /** Told from time to time. */
  onState(state: PushState): Promise<void>
}

/** What is visible, and what is still to go up. */
export interface PushState {
  readonly visible: CopyManifest | undefined
  /** Otherwise the bucket was not reached yet, and all files count as waiting. */
  readonly isKnown: boolean
  readonly waitingFiles: number
  readonly waitingBytes: number
}

/** What a pass has done. */
export interface PushedPass {
  readonly visible: CopyManifest | undefined
  readonly uploadedFiles: number
  readonly uploadedBytes: number
  readonly removedFiles: number
}

/** How a pass is made. */
export interface PassOptions {
  /** The copy may be another directory's, and becomes this one's. */
  readonly isTakenOver?: boolean
  /** What is visible is checked too, and sent again if it is not as it should be. */
  readonly isChecked?: boolean
}

/** Files are pinned in portions, so that a long upload doesn't keep replaced ones on the disk. */
const PORTION = 256
const ROUNDS_MAX = 3

/** One for each data directory at a time. */
export class LakePusher {
  readonly #ports: PushPorts
  readonly #copy: KnownCopy
  /** Clicks that were made and are not visible yet, by their file of Bronze. */
  readonly #clicks = new Map<string, CopiedFile>()

  constructor(ports: PushPorts) {
    this.#ports = ports
    this.#copy = new KnownCopy(ports)
  }

  /** What readers of the bucket see, as far as is known. */
  get visible(): CopyManifest | undefined {
    return this.#copy.visible
  }

  /** When the next file may be removed, ms since 1970; undefined: none waits for that. */
  get nextDueMs(): number | undefined {
    const times = this.#copy.visible?.replaced.map(({ sinceMs }) => sinceMs) ?? []
    return times.length === 0 ? undefined : least(times) + this.#ports.keepMs
  }

  /** Whether it is time for a pass although nothing has changed. */
  get isListDue(): boolean {
    return this.#copy.isListDue
  }

  /**
   * Makes the last commit visible, and removes what is due. CCS_S3_UNREACHABLE, CCS_S3_REFUSED: go
   * on later with another call. CCS_S3_INVALID: the copy is another directory's.
   * CCS_LAKE_DAMAGED: a file can't be uploaded.
   */
  async pass({ isTakenOver = false, isChecked = false }: PassOptions = {}): Promise<PushedPass> {
    for (let manifest = await this.#ports.load(); ; ) {
      if (!manifest)
        return { visible: undefined, uploadedFiles: 0, uploadedBytes: 0, removedFiles: 0 }
      try {
        await this.#copy.open(isTakenOver)
        return await this.#bring(manifest, isChecked)
      } catch (error) {
        if (!(error instanceof ReplacedMeanwhile)) {
          this.#copy.forget()
          await this.#tell(this.#listMissing(this.#listFresh(manifest)))
          throw error
        }
        const now = await this.#ports.load()
        if (now?.serial === manifest.serial) throw missingError(error.file)
        manifest = now
      }
    }
  }

  async #bring(manifest: Manifest, isChecked: boolean): Promise<PushedPass> {
    const visible = new Map(this.#copy.visible?.files.map((one) => [one.from ?? one.key, one]))
    const wanted = listWanted(manifest)
    if (isChecked) await this.#copy.confirm([...visible.values()])
    const findVisible = (one: WantedFile) => {
      const entry = visible.get(nameOrigin(one))
      return entry && isChecked && !this.#copy.isConfirmed(entry) ? undefined : entry
    }
    const fresh = wanted.filter((one) => findVisible(one) === undefined)
    const sent = { files: 0, bytes: 0 }
    for (let round = 1; ; round++) {
      await this.#upload(fresh, sent)
      this.#requireGoingOn()
      if (await this.#copy.confirm(fresh.flatMap((one) => this.#findSent(one) ?? []))) break
      if (round === ROUNDS_MAX) throw unkeptError(this.#ports.store.address)
    }
    const files = wanted.flatMap((one) => findVisible(one) ?? this.#findSent(one) ?? [])
    await this.#copy.publish(manifest, files)
    this.#clicks.clear()
    const removedFiles = await this.#copy.removeDue()
    if (removedFiles > 0) await this.#copy.publish(manifest, files)
    await this.#tell([])
    return {
      visible: this.#copy.visible,
      ...{ uploadedFiles: sent.files, uploadedBytes: sent.bytes, removedFiles },
    }
  }

  /** Files of a commit that readers of the bucket don't see yet, as far as is known. */
  #listFresh(manifest: Manifest): readonly WantedFile[] {
    const visible = new Set(this.#copy.visible?.files.map(({ key, from }) => from ?? key))
    return listWanted(manifest).filter((one) => !visible.has(nameOrigin(one)))
  }

  /** The entry of a file that is not visible yet; undefined: its clicks were not made yet. */
  #findSent({ file, isClicks }: WantedFile): CopiedFile | undefined {
    return isClicks ? this.#clicks.get(file.name) : toCopied(file)
  }

  /** Sends what is not there. */
  async #upload(fresh: readonly WantedFile[], sent: { files: number; bytes: number }) {
    const missing = new Set(this.#listMissing(fresh))
    await this.#tell(missing)
    const inLine = [...missing]
    for (let from = 0; from < inLine.length; from += PORTION) {
      const portion = inLine.slice(from, from + PORTION)
      await this.#ports.withPinned([...new Set(portion.map(({ file }) => file))], (pinned) =>
        runEach(portion, AT_ONCE, async (one) => {
          this.#requireGoingOn()
          const entry = await this.#send(one, pinned)
          this.#copy.noteSent(entry)
          sent.files++
          sent.bytes += entry.bytes
          missing.delete(one)
        }),
      )
      await this.#tell(missing)
    }
  }

  /** Those that are neither visible nor there, as far as is known. */
  #listMissing(wanted: readonly WantedFile[]): readonly WantedFile[] {
    return wanted.filter((one) => {
      const entry = this.#findSent(one)
      return entry === undefined || !this.#copy.isThere(entry)
    })
  }

  #tell(missing: Iterable<WantedFile>): Promise<void> {
    let waitingFiles = 0
    let waitingBytes = 0
    for (const { file, isClicks } of missing) {
      waitingFiles++
      // How large clicks are is known when they are made.
      if (!isClicks) waitingBytes += file.bytes
    }
    const { visible, isKnown } = this.#copy
    return this.#ports.onState({ visible, isKnown, waitingFiles, waitingBytes })
  }

  async #send({ file, isClicks }: WantedFile, pinned: PinnedFiles): Promise<CopiedFile> {
    const { store } = this.#ports
    const write = (entry: CopiedFile, body: ObjectBody) =>
      tryAgain(this.#ports, () => store.write(entry.key, body))
    if (!isClicks) {
      const body = pinned.open(file)
      if (!body) throw new ReplacedMeanwhile(file)
      const entry = toCopied(file)
      await write(entry, body)
      return entry
    }
    const made = await pinned.withClicks(file, async (body) => {
      const entry = toClicks(file, body)
      // A former process may have sent the same.
      if (!this.#copy.isThere(entry)) await write(entry, body)
      this.#clicks.set(file.name, entry)
      return entry
    })
    if (!made) throw new ReplacedMeanwhile(file)
    return made
  }

  #requireGoingOn(): void {
    if (this.#ports.signal?.aborted) throw stoppedError(this.#ports.store.address)
  }
}

/** What an entry of the manifest names as its origin: `from`, or else its key. */
function nameOrigin({ file, isClicks }: WantedFile): string {
  return isClicks ? file.name : copyKey(file)
}

/** The commit that replaced it is taken instead. */
class ReplacedMeanwhile extends Error {
  readonly file: LakeFile

  constructor(file: LakeFile) {
    super(file.name)
    this.file = file
  }
}

function missingError(file: LakeFile): CcsError {
  const message = `${copyKey(file)} is missing in the lake, so it can't be uploaded.`
  return new CcsError('CCS_LAKE_DAMAGED', message, { hint: REPAIR_HINT })
}

function unkeptError(address: string): CcsError {
  return new CcsError(
    'CCS_S3_UNREACHABLE',
    `${address}: objects are not there as they were sent.`,
    {
      hint: 'Check the server: it confirmed them. They are sent again.',
    },
  )
}

function stoppedError(address: string): CcsError {
  return new CcsError('CCS_S3_UNREACHABLE', `${address}: the upload was stopped.`, {
    hint: 'It goes on with the next start, or with: ccs lake push',
  })
}
