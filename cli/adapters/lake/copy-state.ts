/** What a data directory keeps of its copy on S3, in `s3.json`. */
import { randomBytes } from 'node:crypto'
import { CcsError } from '../../domain/kernel/errors.ts'
import { asObject, parseJson } from '../../domain/kernel/json.ts'
import type { FollowFailure } from '../../domain/lake/follow-commits.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import type { CopyState } from '../../domain/lake/s3/copy-status.ts'
import type { PushState } from '../../domain/lake/s3/push-lake.ts'
import { type Files, isErrno, writeFileAtomic } from '../files/files.ts'

const FORMAT = 1

/** undefined: nothing was ever uploaded. CCS_S3_INVALID: the file is not as it was written. */
export async function loadCopyState(files: Files, root: string): Promise<CopyState | undefined> {
  const path = dataLayout(root).s3
  try {
    return parse((await files.readFile(path)).toString('utf8'), path)
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined
    throw error
  }
}

async function saveCopyState(files: Files, root: string, state: CopyState): Promise<void> {
  const text = `${JSON.stringify({ format: FORMAT, ...state })}\n`
  await writeFileAtomic(files, dataLayout(root).s3, Buffer.from(text))
}

/** The state of the copy at one place, kept while it changes. */
export class CopyStateFile {
  readonly #files: Files
  readonly #root: string
  #state: CopyState

  private constructor(files: Files, root: string, state: CopyState) {
    this.#files = files
    this.#root = root
    this.#state = state
  }

  /** Begins with nothing at another place than before; the id stays. */
  static async open(files: Files, root: string, address: string): Promise<CopyStateFile> {
    const before = await loadCopyState(files, root)
    const nothing = { serial: null, committedMs: null, waitingFiles: 0, waitingBytes: 0 }
    const lake = before?.lake ?? randomBytes(12).toString('hex')
    const isSame = before?.address === address
    const state = isSame ? before : { lake, address, ...nothing, failure: null }
    // Before anything is uploaded: the copy is known by the id.
    if (!isSame) await saveCopyState(files, root, state)
    return new CopyStateFile(files, root, state)
  }

  /** By which the copy knows this directory. */
  get lake(): string {
    return this.#state.lake
  }

  /** Notes how far an upload is. What a former process has uploaded is not forgotten. */
  async noteProgress(state: PushState): Promise<void> {
    const { visible, isKnown, waitingFiles, waitingBytes } = state
    if (!isKnown && this.#state.serial !== null) return
    const { serial = null, committedMs = null } = visible ?? {}
    await this.change({ serial, committedMs, waitingFiles, waitingBytes })
  }

  /** Durable when it resolves. */
  async change(part: Partial<Omit<CopyState, 'lake' | 'address'>>): Promise<void> {
    const next = { ...this.#state, ...part }
    if (JSON.stringify(next) === JSON.stringify(this.#state)) return
    await saveCopyState(this.#files, this.#root, next)
    this.#state = next
  }
}

function parse(text: string, path: string): CopyState {
  const { format, lake, address, failure, ...rest } = asObject(parseJson(text))
  if (format !== FORMAT || typeof lake !== 'string' || typeof address !== 'string')
    throw new CcsError('CCS_S3_INVALID', `${path} is damaged, or of another version of ccs.`, {
      hint: 'Delete it; then the copy becomes this directory’s again: ccs lake push --take-over',
    })
  return {
    ...{ lake, address, failure: readFailure(failure) },
    serial: readCount(rest.serial),
    committedMs: readCount(rest.committedMs),
    waitingFiles: readCount(rest.waitingFiles) ?? 0,
    waitingBytes: readCount(rest.waitingBytes) ?? 0,
  }
}

function readCount(value: unknown): number | null {
  return typeof value === 'number' ? value : null
}

function readFailure(value: unknown): FollowFailure | null {
  const { code, message, sinceMs } = asObject(value)
  const isWhole = typeof code === 'string' && typeof message === 'string'
  return isWhole && typeof sinceMs === 'number' ? { code, message, sinceMs } : null
}
