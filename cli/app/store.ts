/** Composition of a data directory: the log, the lake and the manifest in it. */

import type { FaultPoint } from '../adapters/files/fault-point.ts'
import type { Files } from '../adapters/files/files.ts'
import type { Store } from '../adapters/lake/data-store.ts'

/** `disk` is this machine's unless a test brings one that fails. */
export async function openStore(root: string, disk?: Files): Promise<Store> {
  const [{ diskFiles }, { openLocalLog }, { openLakeParts }] = await Promise.all([
    import('../adapters/files/files.ts'),
    import('../adapters/log/local-log.ts'),
    import('../adapters/lake/open-lake.ts'),
  ])
  const fault = await openFault()
  const real = disk ?? diskFiles()
  const files = fault?.files(real) ?? real
  const { logDir, ...lake } = openLakeParts({ files, root, nowMs: () => Date.now() })
  const log = openLocalLog({ dir: logDir, files })
  return { ...(fault ? { fault } : {}), files, root, log, ...lake }
}

/** Only under test; each has its own count. */
export async function openFault(): Promise<FaultPoint | undefined> {
  const { NODE_ENV, CCS_FAULT } = process.env
  if (NODE_ENV !== 'test' || !CCS_FAULT) return undefined
  return (await import('../adapters/files/fault-point.ts')).openFaultPoint(CCS_FAULT)
}
