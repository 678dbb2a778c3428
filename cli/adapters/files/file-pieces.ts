/** Files in pieces, so that a large one does not fill memory. */
import type { Files, OpenFile } from './files.ts'

const PIECE_BYTES = 1024 * 1024

/** Bytes of a file, `to` not included. */
interface ByteRange {
  readonly from: number
  readonly to: number
}

/** The bytes of a range. */
export function readRange(
  files: Files,
  path: string,
  range: ByteRange,
): AsyncGenerator<Uint8Array> {
  return readOpened(() => files.open(path, 'r'), range)
}

/** The same of what `open` opens; it is closed afterwards. */
export async function* readOpened(
  open: () => Promise<Pick<OpenFile, 'read' | 'close'>>,
  { from, to }: ByteRange,
): AsyncGenerator<Uint8Array> {
  const file = await open()
  try {
    for (let at = from; at < to; ) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, to - at))
      const read = await file.read(piece, at)
      if (read === 0) return
      yield piece.subarray(0, read)
      at += read
    }
  } finally {
    await file.close()
  }
}

/** Creates or overwrites a file; its bytes are durable when this resolves. */
export async function writePieces(
  files: Files,
  path: string,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  const file = await files.open(path, 'w+')
  try {
    let at = 0
    for await (const piece of pieces) {
      await file.write([piece], at)
      at += piece.length
    }
    await file.sync()
  } finally {
    await file.close()
  }
}
