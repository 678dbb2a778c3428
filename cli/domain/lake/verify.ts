/**
 * Checks every file that the manifest names (lake and engine state): it exists, has its size and
 * checksum, and opens as Parquet with the right number of rows.
 */
import { type DamagedFile, displayPath } from './damage.ts'
import type { LakeFile, Manifest, StateFile } from './manifest.ts'

/** What the check reads from. */
export interface VerifyPorts {
  /** The current manifest; throws CCS_MANIFEST_INVALID if the manifest itself is damaged. */
  readonly load: () => Promise<Manifest | undefined>
  readonly lake: {
    locate(manifest: Manifest): Promise<ReadonlyMap<string, string>>
    check(file: LakeFile | StateFile, path: string): Promise<string | undefined>
  }
  /** Rows of a Parquet file; throws if it is not one. */
  readonly rows: (path: string) => Promise<number>
  /** The directory that paths of state files are relative to. */
  readonly stateDir: string
  readonly onProgress?: (done: number, total: number) => void
}

/** The document of `ccs lake verify`. */
export interface VerifyResult {
  readonly ok: boolean
  /** null: nothing was committed yet. */
  readonly serial: number | null
  readonly files: number
  readonly rows: number
  readonly bytes: number
  readonly damaged: readonly DamagedFile[]
}

/** Damaged files are part of the result; it throws only if the manifest itself is damaged. */
export async function verifyLake(ports: VerifyPorts): Promise<VerifyResult> {
  const manifest = await ports.load()
  if (!manifest) return { ok: true, serial: null, files: 0, rows: 0, bytes: 0, damaged: [] }
  const places = await ports.lake.locate(manifest)
  const all = [...manifest.files, ...manifest.state]
  const damaged: { file: LakeFile | StateFile; fault: string }[] = []
  for (const [index, file] of all.entries()) {
    const path = 'name' in file ? places.get(file.name) : `${ports.stateDir}/${file.path}`
    const fault = path === undefined ? 'is missing' : await findDamage(file, path, ports)
    if (fault !== undefined) damaged.push({ file, fault })
    ports.onProgress?.(index + 1, all.length)
  }
  const still = damaged.length > 0 ? await keepStillNamed(damaged, ports) : []
  return {
    ok: still.length === 0,
    serial: manifest.serial,
    files: all.length,
    rows: manifest.files.reduce((sum, file) => sum + file.rows, 0),
    bytes: all.reduce((sum, file) => sum + file.bytes, 0),
    damaged: still.map(({ file, fault }) => ({ file: displayPath(file), fault })),
  }
}

async function findDamage(
  file: LakeFile | StateFile,
  path: string,
  { lake, rows }: VerifyPorts,
): Promise<string | undefined> {
  const fault = await lake.check(file, path)
  if (fault !== undefined || !path.endsWith('.parquet')) return fault
  try {
    const found = await rows(path)
    return found === file.rows ? undefined : `has ${found} rows instead of ${file.rows}`
  } catch (error) {
    return `is not readable as Parquet: ${error instanceof Error ? error.message : error}`
  }
}

/** A running engine may replace files meanwhile: a file that is no longer named is not damage. */
async function keepStillNamed<T extends { readonly file: LakeFile | StateFile }>(
  damaged: readonly T[],
  { load }: VerifyPorts,
): Promise<readonly T[]> {
  const now = await load()
  const names = new Set([...(now?.files ?? []), ...(now?.state ?? [])].map(displayPath))
  return damaged.filter(({ file }) => names.has(displayPath(file)))
}
