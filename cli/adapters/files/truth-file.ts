/** The generator's expected results as a file. */
import { readTruth, renderTruth, type Truth } from '../../domain/audit/truth.ts'
import { CcsError } from '../../domain/kernel/errors.ts'

/** The file appears under its name only when it is complete. */
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

/** Throws CCS_USAGE_INVALID if the file is missing or isn't a truth file. */
export async function readTruthFile(file: string): Promise<Truth> {
  const { open } = await import('node:fs/promises')
  const handle = await open(file).catch((cause: unknown) => {
    throw new CcsError('CCS_USAGE_INVALID', `The truth file ${file} can't be read.`, {
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
