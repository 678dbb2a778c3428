/** Composition of a data directory: the log, the lake and the manifest in it. */

import type { FaultPoint } from '../adapters/files/fault-point.ts'
import type { Files } from '../adapters/files/files.ts'
import type { Store } from '../adapters/lake/data-store.ts'

/** `disk` is this machine's unless a test brings one that fails. */
export async function openStore(root: string, disk?: Files): Promise<Store> {
  const [
    { diskFiles },
    { openLocalLog },
    { LocalLake },
    { CheckedFiles },
    { openManifestStore },
    { dataLayout },
  ] = await Promise.all([
    import('../adapters/files/files.ts'),
    import('../adapters/log/local-log.ts'),
    import('../adapters/lake/local-lake.ts'),
    import('../adapters/lake/checked-files.ts'),
    import('../adapters/lake/manifest-store.ts'),
    import('../domain/lake/layout.ts'),
  ])
  const fault = await openFault()
  const real = disk ?? diskFiles()
  const files = fault?.files(real) ?? real
  const nowMs = () => Date.now()
  const lake = new LocalLake({ files, root, nowMs })
  return {
    ...(fault ? { fault } : {}),
    files,
    root,
    log: openLocalLog({ dir: dataLayout(root).log, files }),
    lake,
    checked: new CheckedFiles({ files, root, nowMs, check: (one, path) => lake.check(one, path) }),
    manifests: openManifestStore(files, root),
  }
}

/** Only under test; each has its own count. */
export async function openFault(): Promise<FaultPoint | undefined> {
  const { NODE_ENV, CCS_FAULT } = process.env
  if (NODE_ENV !== 'test' || !CCS_FAULT) return undefined
  return (await import('../adapters/files/fault-point.ts')).openFaultPoint(CCS_FAULT)
}
