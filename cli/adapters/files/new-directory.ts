/** A directory that gets its name when it is complete. */
import { dirname } from 'node:path'
import { CcsError } from '../../domain/kernel/errors.ts'
import { writePieces } from './file-pieces.ts'
import { type Files, listNames } from './files.ts'

/**
 * Fills `<target>.restoring` and renames it to `target` at the end; a process that dies before
 * leaves no `target`. CCS_USAGE_INVALID if `target` has files.
 */
export async function fillNewDirectory<T>(
  files: Files,
  target: string,
  fill: (dir: string) => Promise<T>,
): Promise<T> {
  if ((await listNames(files, target)).length > 0)
    throw new CcsError('CCS_USAGE_INVALID', `${target} is not empty.`, {
      hint: 'Name a new directory with --data DIR, or move this one away first.',
    })
  const dir = `${target}.restoring`
  await files.remove(dir)
  await files.mkdir(dir)
  try {
    const result = await fill(dir)
    await files.fsyncDir(dir)
    await files.remove(target)
    await files.rename(dir, target)
    await files.fsyncDir(dirname(target))
    return result
  } catch (error) {
    // What came first counts; the next attempt clears it anyway.
    await files.remove(dir).catch(() => undefined)
    throw error
  }
}

/** Writes a durable file and the directories above it. */
export async function writeNewFile(
  files: Files,
  path: string,
  pieces: AsyncIterable<Uint8Array>,
): Promise<void> {
  await files.mkdir(dirname(path))
  await writePieces(files, path, pieces)
}
