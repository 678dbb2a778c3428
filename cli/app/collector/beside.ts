/** Composition of a collector that runs beside an engine, in a process of its own. */
import type { Project } from '../../project.ts'

/** Requests that are under way when it is ended may take this long. */
const END_MS = 10_000

/** Starts it, and again whenever it ends by itself; `end` lets it answer what it has taken. */
export async function startCollector(
  { dir, dataDir, target }: Project,
  { hasShop, onNotice }: { readonly hasShop: boolean; readonly onNotice: (text: string) => void },
): Promise<{ readonly end: () => Promise<void> }> {
  const { startCompanion } = await import('../../adapters/process/companion.ts')
  const place = ['--project', dir, '--data', dataDir, '--target', target.name]
  const companion = startCompanion({
    args: ['collect', '--with-parent', ...place, ...(hasShop ? ['--shop'] : [])],
    ...{ cwd: dir, env: process.env, isBackground: false, onLine: onNotice },
  })
  return {
    end: async () => {
      await companion.end(END_MS)
    },
  }
}

/** Aborts when whoever started this process is gone, and with `stop`. */
export async function followParent(stop: AbortSignal): Promise<AbortSignal> {
  const { watchParent } = await import('../../adapters/process/companion.ts')
  return watchParent(stop)
}
