/** Composition of the servers of `ccs stack`: how each is started, and what says that it is ready. */
import path from 'node:path'
import type { DaemonPlace } from '../adapters/process/daemon.ts'
import type { ServersOptions } from '../adapters/process/stack-programs.ts'
import { addressFor, type PartName } from '../domain/devstack/servers.ts'
import { type StackPort, type StatusPort, stackStoppedError } from '../domain/devstack/stack.ts'

/** Opens the servers of a stack; starts none. */
export async function openServers(options: ServersOptions): Promise<StackPort & StatusPort> {
  const [
    { StackPrograms, readPartVersion },
    daemon,
    { readLastLines },
    { diskFiles },
    { readResidentBytes },
    { isPartReady },
  ] = await Promise.all([
    import('../adapters/process/stack-programs.ts'),
    import('../adapters/process/daemon.ts'),
    import('../adapters/process/log-tail.ts'),
    import('../adapters/files/files.ts'),
    import('../adapters/process/process-start.ts'),
    import('./devstack-ready.ts'),
  ])
  const { dir, ports } = options
  const files = diskFiles()
  const placeOf = (part: PartName): DaemonPlace => ({
    noteFile: path.join(dir, `${part}.json`),
    logFile: path.join(dir, `${part}.log`),
  })
  const programs = new StackPrograms(options, files)
  const fresh = new Set<PartName>()
  return {
    dir,
    isAlive: (part) => {
      const note = daemon.readNote(placeOf(part))
      return note !== undefined && daemon.isSame(note)
    },
    provide: (parts, signal) => programs.provide(parts, signal),
    start: async (part, signal) => {
      await files.mkdir(dir)
      const launch = await programs.prepareCall(part, signal)
      if (signal.aborted) throw stackStoppedError()
      fresh.add(part)
      await daemon.startDaemon(placeOf(part), { ...launch, cwd: dir, env: options.env })
    },
    isReady: (part) => isPartReady(part, ports, fresh.has(part)),
    stop: (part) => daemon.stopDaemon(placeOf(part), STOP_MS),
    logFile: (part) => placeOf(part).logFile,
    readLogEnd: async (part, lines) => (await readLastLines(placeOf(part).logFile, lines)).lines,
    addressFor: (part) => addressFor(part, ports),
    readVersion: (part) => readPartVersion(options.recipes, part, files),
    readNote: (part) => daemon.readNote(placeOf(part)),
    memoryBytes: readResidentBytes,
  }
}

const STOP_MS = 30_000
