/** The files of lake and state as parts of a scrub, and the file that keeps a scrub's progress. */
import { displayPath } from '../../domain/lake/damage.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import type { LakeFile, Manifest } from '../../domain/lake/manifest.ts'
import type { ScrubPart, ScrubPorts, ScrubProgress } from '../../domain/lake/scrub.ts'
import type { FileChecksum } from '../files/file-check.ts'
import { type Files, replaceIfPossible } from '../files/files.ts'
import { pacedFiles } from '../files/paced-files.ts'
import { MISSING } from './checked-files.ts'
import type { Store } from './data-store.ts'
import { LocalLake } from './local-lake.ts'

const FORMAT = 1

/** What the present manifest names. */
export async function listLakeParts(
  store: Store,
  pace: (bytes: number) => Promise<void>,
): Promise<readonly ScrubPart[]> {
  const { files, root, checked, manifests } = store
  const manifest = await manifests.load()
  if (!manifest) return []
  // Only the check of this one is slow.
  const slow = new LocalLake({ files: pacedFiles(files, pace), root, nowMs: () => Date.now() })
  const check = (wanted: FileChecksum, path: string) => slow.check(wanted, path)
  return [
    ...manifest.files.map((file) => ({
      ...{ path: `lake/${displayPath(file)}`, bytes: file.bytes },
      check: async () => {
        const fault = await recheckNamed(store, manifest, file, check)
        await checked.saveMarks()
        return fault
      },
    })),
    ...manifest.state.map((file) => ({
      ...{ path: displayPath(file), bytes: file.bytes },
      check: () => check(file, `${dataLayout(root).state}/${file.path}`),
    })),
  ]
}

/**
 * A file of a commit gets its place in the tree after the manifest names it, one after the other,
 * and a later commit may have replaced it: neither is missing.
 */
async function recheckNamed(
  { lake, checked, manifests }: Store,
  manifest: Manifest,
  file: LakeFile,
  check: (wanted: FileChecksum, path: string) => Promise<string | undefined>,
): Promise<string | undefined> {
  for (let look = 0; look < LOOKS; look++) {
    const place = (await lake.locate({ ...manifest, files: [file] })).get(file.name)
    if (place === undefined) break
    const fault = await checked.recheck(file, place, check)
    if (fault !== MISSING) return fault
  }
  const now = await manifests.load()
  const isNamed = now?.files.some(({ name }) => name === file.name)
  return isNamed ? checked.recheck(file, lake.path(file), check) : undefined
}

/** It may move from the stage to its place while it is looked for. */
const LOOKS = 3

/** Progress in `scrub.json`; if it can't be kept, the next scrub begins again. */
export function openScrubProgress(files: Files, root: string): ScrubPorts['progress'] {
  const path = dataLayout(root).scrub
  return {
    load: async () => {
      try {
        return parseProgress(JSON.parse((await files.readFile(path)).toString('utf8')))
      } catch {
        return undefined
      }
    },
    save: async (progress) => {
      const bytes = Buffer.from(JSON.stringify({ format: FORMAT, ...progress }))
      await replaceIfPossible(files, path, bytes)
    },
  }
}

function parseProgress(document: unknown): ScrubProgress | undefined {
  const { format, startedMs, endedMs, cursor, damaged } = Object(document)
  const isTime = (value: unknown) => Number.isSafeInteger(value)
  const isKnown = format === FORMAT && isTime(startedMs) && (endedMs === null || isTime(endedMs))
  if (!isKnown || typeof cursor !== 'string' || !Array.isArray(damaged)) return undefined
  const isDamage = (one: unknown) => {
    const { file, fault, foundMs } = Object(one)
    return typeof file === 'string' && typeof fault === 'string' && isTime(foundMs)
  }
  return damaged.every(isDamage) ? { startedMs, endedMs, cursor, damaged } : undefined
}
