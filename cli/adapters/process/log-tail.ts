/** Reads the end of a file that another program writes, and what is added later. */
import { open } from 'node:fs/promises'
import { isErrno } from '../files/files.ts'

const PIECE_BYTES = 256 * 1024

/** The last whole lines, at most `count` of the last 256 KiB; [] without a file. */
export async function readLastLines(
  file: string,
  count: number,
): Promise<{ readonly lines: readonly string[]; readonly end: number }> {
  const { bytes, end } = await read(file, -PIECE_BYTES)
  const lines = bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
  return { lines: count === 0 ? [] : lines.slice(-count), end }
}

/** The whole lines from byte `from` on, at most 256 KiB; from the start if the file is shorter. */
export async function readNextLines(
  file: string,
  from: number,
): Promise<{ readonly lines: readonly string[]; readonly end: number }> {
  const { bytes, end } = await read(file, from)
  const whole = bytes.subarray(0, bytes.lastIndexOf(10) + 1)
  const lines = whole.toString('utf8').split('\n').slice(0, -1)
  return { lines, end: end - (bytes.length - whole.length) }
}

/** `end` is the byte after the last one read. A negative `from` counts from the end. */
async function read(
  file: string,
  from: number,
): Promise<{ readonly bytes: Buffer; readonly end: number }> {
  try {
    const handle = await open(file, 'r')
    try {
      const { size } = await handle.stat()
      const start = from < 0 ? Math.max(0, size + from) : from > size ? 0 : from
      const bytes = Buffer.alloc(Math.min(PIECE_BYTES, size - start))
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start)
      return { bytes: bytes.subarray(0, bytesRead), end: start + bytesRead }
    } finally {
      await handle.close()
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return { bytes: Buffer.alloc(0), end: 0 }
    throw error
  }
}
