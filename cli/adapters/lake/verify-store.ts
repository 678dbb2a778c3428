/** Verifies the lake of an open data directory; readers know afterwards which files are intact. */
import type { DamagedFile } from '../../domain/lake/damage.ts'
import { dataLayout } from '../../domain/lake/layout.ts'
import type { LakeFile, Manifest, StateFile } from '../../domain/lake/manifest.ts'
import { type VerifyPorts, type VerifyResult, verifyLake } from '../../domain/lake/verify.ts'
import type { DuckConnection } from '../duckdb/duckdb.ts'
import type { Store } from './data-store.ts'
import type { LocalLake } from './local-lake.ts'
import { countParquetRows, withParquet } from './parquet.ts'
import type { PinnedCommit } from './pin-commit.ts'

/** See verifyLake. Reads every file, whatever is known of it. */
export async function verifyStore(
  { lake, checked, manifests, root }: Store,
  onProgress: NonNullable<VerifyPorts['onProgress']>,
): Promise<VerifyResult> {
  const check = (file: LakeFile | StateFile, path: string) =>
    'name' in file ? checked.recheck(file, path) : lake.check(file, path)
  const locate = (manifest: Manifest) => lake.locate(manifest)
  const result = await withParquet(root, (parquet) =>
    verifyLake({
      load: () => manifests.load(),
      lake: { locate, check },
      rows: (path) => parquet.countRows(path),
      stateDir: dataLayout(root).state,
      onProgress,
    }),
  )
  await checked.saveMarks()
  return result
}

/** Damaged files of a commit that is pinned; `duck` opens them as Parquet. */
export async function findDamage(
  lake: Pick<LocalLake, 'check'>,
  { manifest, paths, stateDir }: Pick<PinnedCommit, 'manifest' | 'paths' | 'stateDir'>,
  duck: DuckConnection,
): Promise<readonly DamagedFile[]> {
  const { damaged } = await verifyLake({
    load: async () => manifest,
    lake: { locate: async () => paths, check: (file, path) => lake.check(file, path) },
    rows: (path) => countParquetRows(duck, path),
    stateDir,
  })
  return damaged
}
