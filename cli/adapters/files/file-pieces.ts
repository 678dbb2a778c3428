/** Files in pieces, so that a large one does not fill memory. */
import type { Files } from './files.ts'

const PIECE_BYTES = 1024 * 1024

/** The bytes from `from` to `to`, not included. */
export async function* readRange(
  files: Files,
  path: string,
  { from, to }: { readonly from: number; readonly to: number },
): AsyncGenerator<Uint8Array> {
  const file = await files.open(path, 'r')
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
