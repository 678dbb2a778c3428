/** A segment that is written anew beside the old one, which it replaces when it is complete. */
import { randomBytes } from 'node:crypto'
import { dirname } from 'node:path'
import type { OffsetRange } from '../../domain/log/log-report.ts'
import type { RestoredFrame } from '../../domain/log/restored-record.ts'
import { type Files, isErrno, type OpenFile } from '../files/files.ts'
import { draftPath, writeCompressed } from './compress-segment.ts'
import { markPath } from './durable-end.ts'
import { encodeHeader, LOST_COUNT_MAX } from './frame.ts'
import { parseBase } from './segment.ts'
import { readHead } from './segment-file.ts'

const COPY_BYTES = 1024 * 1024

/** Appends to the draft of one segment. */
export class SegmentDraft {
  readonly #file: OpenFile
  #position = 0

  constructor(file: OpenFile) {
    this.#file = file
  }

  /** A frame of records. */
  async add({ body, ...frame }: RestoredFrame): Promise<void> {
    const header = encodeHeader(frame, body)
    await this.#file.write([header, body], this.#position)
    this.#position += header.length + body.length
  }

  /** Marks that stand for records which are not there; returns how many. */
  async mark(
    { from, to }: OffsetRange,
    { appendMs, isErased }: { readonly appendMs: number; readonly isErased: boolean },
  ): Promise<number> {
    for (let baseOffset = from; baseOffset < to; ) {
      const count = Math.min(to - baseOffset, LOST_COUNT_MAX)
      const frame = { count, baseOffset, appendMs, isLost: true, isErased }
      const header = encodeHeader(frame, new Uint8Array(0))
      await this.#file.write([header], this.#position)
      this.#position += header.length
      baseOffset += count
    }
    return Math.max(0, to - from)
  }

  /** Bytes of another segment, as they are. */
  async copy(from: OpenFile, [start, end]: readonly [number, number]): Promise<void> {
    const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, end - start))
    for (let at = start; at < end; ) {
      const read = await from.read(buffer.subarray(0, Math.min(buffer.length, end - at)), at)
      if (read === 0) throw new Error('the segment became shorter while it was copied')
      await this.#file.write([buffer.subarray(0, read)], this.#position)
      this.#position += read
      at += read
    }
  }
}

/** Writes the draft of the segment `path`, durably; returns the draft's path. */
export async function writeDraft(
  files: Files,
  path: string,
  fill: (draft: SegmentDraft) => Promise<void>,
): Promise<string> {
  const draft = `${path}.repair`
  const file = await files.open(draft, 'w+')
  try {
    await fill(new SegmentDraft(file))
    await file.sync()
  } finally {
    await file.close()
  }
  return draft
}

/**
 * The draft becomes the segment `path`, compressed if the old one was; `last` is the path of the
 * partition's last segment.
 */
export async function replaceSegment(
  files: Files,
  { draft, path, last }: { draft: string; path: string; last: string | undefined },
): Promise<void> {
  const dir = dirname(path)
  const isLast = last === undefined || path >= last
  const ready = isLast ? draft : await keepForm(files, draft, path)
  // The mark says where the last segment ends in bytes, which no longer holds.
  if (isLast) await files.remove(markPath(dir))
  await files.fsyncDir(dir)
  await files.rename(ready, path)
  await files.fsyncDir(dir)
}

/** The draft in the form that the segment `path` has, or the disk could become full. */
async function keepForm(files: Files, draft: string, path: string): Promise<string> {
  const base = parseBase(path)
  const head = await readHead(files, path, base).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  })
  if (!head?.isCompressed) return draft
  // Other frames than before, so that a backup copies them.
  const fileId = randomBytes(8).toString('hex')
  const to = draftPath(path)
  if ((await writeCompressed(files, { path: draft, base, fileId }, to)) === undefined) return draft
  await files.remove(draft)
  return to
}
