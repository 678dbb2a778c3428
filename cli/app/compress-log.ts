/** Composition of `ccs log compress`. */
import type { CompressResult } from '../domain/lake/compress-log.ts'
import type { Project } from '../project.ts'
import { type OnBytes, openOwnStore } from './log.ts'
import { doAsEngine } from './store.ts'

/**
 * Compresses the closed segments of the log, or has the engine do it. CCS_ENGINE_LOCKED while a
 * process has the lock that can't be asked.
 */
export async function compressProjectLog(
  project: Project,
  onProgress: OnBytes,
): Promise<CompressResult> {
  const [{ openLogFiles }, { compressIdle }] = await Promise.all([
    import('../adapters/log/compress-log.ts'),
    import('../domain/lake/compress-log.ts'),
  ])
  const store = await openOwnStore(project)
  const idle = () => compressIdle(store, openLogFiles(store), onProgress)
  const how = { owner: 'ccs log compress', path: '/compress-log', body: {} }
  return doAsEngine(store, how, idle).finally(() => store.log.close())
}
