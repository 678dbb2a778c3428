/** The generator's truth on disk: written whole or not at all, and read back. */
import { readTruth, renderTruth, type Truth } from '../../domain/audit/truth.ts'
import { CcsError, EXIT } from '../../domain/kernel/errors.ts'

/** Whole or not at all: the file takes its name when it is complete. */
export async function writeTruthFile(file: string, truth: Truth): Promise<void> {
  const { rename, rm } = await import('node:fs/promises')
  const { createWriteStream } = await import('node:fs')
  const { Readable } = await import('node:stream')
  const { pipeline } = await import('node:stream/promises')
  const partial = `${file}.part`
  const lines = function* () {
    for (const line of renderTruth(truth)) yield `${line}\n`
  }
  try {
    await pipeline(Readable.from(lines()), createWriteStream(partial))
    await rename(partial, file)
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}

/** CCS_USAGE_INVALID when there is no such file or it is no truth. */
export async function readTruthFile(file: string): Promise<Truth> {
  const { open } = await import('node:fs/promises')
  const handle = await open(file).catch((cause: unknown) => {
    throw new CcsError('CCS_USAGE_INVALID', `The truth file ${file} can't be read.`, {
      exit: EXIT.usage,
      hint: 'Write one with: ccs gen --truth FILE',
      cause,
    })
  })
  try {
    return await readTruth(handle.readLines())
  } finally {
    await handle.close()
  }
}
