/** What log and lake take on the disk, and how long it lasts. */
import {
  type DiskForecast,
  type DiskUse,
  forecastDisk,
  listLogGrowth,
} from '../../domain/lake/disk-forecast.ts'
import type { ManifestStore } from '../../domain/lake/lake.ts'
import type { Files } from '../files/files.ts'
import { listSegmented } from './prune-log.ts'

/** Reads the manifest, and of each segment its length and first times. */
export async function measureDisk(
  store: { readonly files: Files; readonly root: string; readonly manifests: ManifestStore },
  about: Pick<DiskUse, 'freeBytes' | 'nowMs' | 'retention'>,
): Promise<DiskForecast> {
  const lake = (await store.manifests.load())?.files ?? []
  return forecastDisk({ ...about, lake, log: listLogGrowth(await listSegmented(store)) })
}
