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

/**
 * Lets the engine that runs here do what its HTTP `path` does; without one, does it in this process
 * under the engine's lock. Throws CCS_ENGINE_LOCKED while another process has that.
 */
export async function doAsEngine<T>(
  store: Store,
  { owner, path, body }: { readonly owner: string; readonly path: string; readonly body: object },
  work: () => Promise<T>,
): Promise<T> {
  const [{ findEngine }, { takeEngineLock }] = await Promise.all([
    import('../engines/embedded/query/engine-client.ts'),
    import('../adapters/lake/engine-lock.ts'),
  ])
  const running = await findEngine(store.files, store.root)
  if (running) return (await running.post(path, body)) as T // its own answer
  const lock = await takeEngineLock(store, owner)
  return work().finally(() => lock.release())
}

/** Only under test; each has its own count. */
export async function openFault(): Promise<FaultPoint | undefined> {
  const { NODE_ENV, CCS_FAULT } = process.env
  if (NODE_ENV !== 'test' || !CCS_FAULT) return undefined
  return (await import('../adapters/files/fault-point.ts')).openFaultPoint(CCS_FAULT)
}
