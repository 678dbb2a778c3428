/**
 * Composition of a data directory: the log, the lake and the manifest in it, and its history.
 */

import type { FaultPoint } from '../adapters/files/fault-point.ts'
import type { Files } from '../adapters/files/files.ts'
import type { Store } from '../adapters/lake/data-store.ts'
import type { Recorder } from '../domain/monitoring/record-history.ts'
import type { Project } from '../project.ts'

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

/** Opens what records in the history of the project's data. */
export async function openRecorder(project: Project, makesRoot = false): Promise<Recorder> {
  const [{ openHistory }, { systemClock }] = await Promise.all([
    import('../adapters/files/history-file.ts'),
    import('../adapters/process/system-clock.ts'),
  ])
  return { history: openHistory(project.dataDir, { makesRoot }), clock: systemClock() }
}

/** Runs a command that changes something, or shows rows of people, and records how it ended. */
export async function recordCommand<T>(
  project: Project,
  { id, argv }: { readonly id?: string | undefined; readonly argv: readonly string[] },
  run: () => Promise<T>,
): Promise<T> {
  const [recorder, { recordRun }, { describeUser }] = await Promise.all([
    // On other targets there may be no data directory here.
    openRecorder(project, project.target.kafka !== undefined),
    import('../domain/monitoring/record-history.ts'),
    import('../adapters/process/machine.ts'),
  ])
  const what = (id ?? '').replaceAll(':', ' ')
  const text = ['ccs', what, ...argv].join(' ')
  try {
    return await recordRun(recorder, { what, by: describeUser(), text }, run)
  } finally {
    await recorder.history.flush()
  }
}

/** The history of the project's data, oldest entry first, and how many lines can't be read. */
export async function readProjectHistory(project: Project) {
  const [{ readHistory }, { parseEntries }] = await Promise.all([
    import('../adapters/files/history-file.ts'),
    import('../domain/monitoring/history.ts'),
  ])
  return parseEntries((await readHistory(project.dataDir)).join(''))
}
