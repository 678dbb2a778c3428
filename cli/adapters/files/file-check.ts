/** Length and CRC-32 of a file, read in pieces so that a large one does not fill memory. */
import { crc32 } from 'node:zlib'
import type { Files } from './files.ts'

const PIECE_BYTES = 1024 * 1024

/** What a stored file is compared by. */
export interface FileChecksum {
  readonly bytes: number
  /** Unsigned. */
  readonly crc32: number
}

/** Reads the whole file. */
export async function checkFile(files: Files, path: string): Promise<FileChecksum> {
  const file = await files.open(path, 'r')
  try {
    const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, Math.max(1, await file.size())))
    let bytes = 0
    let sum = 0
    for (;;) {
      const read = await file.read(piece, bytes)
      if (read === 0) return { bytes, crc32: sum }
      sum = crc32(piece.subarray(0, read), sum)
      bytes += read
    }
  } finally {
    await file.close()
  }
}

/** Makes a file durable that another library wrote. */
export async function syncFile(files: Files, path: string): Promise<void> {
  const file = await files.open(path, 'r+')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}
