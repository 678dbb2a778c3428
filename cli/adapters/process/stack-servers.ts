/** The servers of `ccs stack` as processes of this machine. */
import path from 'node:path'
import { addressFor, type PartName } from '../../domain/devstack/servers.ts'
import { type StackPort, type StatusPort, stackStoppedError } from '../../domain/devstack/stack.ts'
import { diskFiles } from '../files/files.ts'
import { type DaemonPlace, isSame, readNote, startDaemon, stopDaemon } from './daemon.ts'
import { readLastLines } from './log-tail.ts'
import { readPartVersion } from './part-version.ts'
import { readResidentBytes } from './process-start.ts'
import { type ServersOptions, StackPrograms } from './stack-programs.ts'
import { type IsBrokerReady, isPartReady } from './stack-ready.ts'

/** Opens the servers of a stack; starts none. */
export function openStackServers(
  options: ServersOptions,
  isBrokerReady: IsBrokerReady,
): StackPort & StatusPort {
  const { dir, ports } = options
  const files = diskFiles()
  const placeOf = (part: PartName): DaemonPlace => ({
    noteFile: path.join(dir, `${part}.json`),
    logFile: path.join(dir, `${part}.log`),
  })
  const isAlive = (part: PartName) => {
    const note = readNote(placeOf(part))
    return note !== undefined && isSame(note)
  }
  const programs = new StackPrograms(options, files, isAlive)
  const fresh = new Set<PartName>()
  return {
    dir,
    isAlive,
    provide: (parts, signal) => programs.provide(parts, signal),
    start: async (part, signal) => {
      await files.mkdir(dir)
      const launch = await programs.prepareCall(part, signal)
      if (signal.aborted) throw stackStoppedError()
      fresh.add(part)
      await startDaemon(placeOf(part), { ...launch, cwd: dir })
    },
    isReady: (part) => isPartReady(part, { ports, isBrokerReady, isFresh: fresh.has(part) }),
    stop: (part) => stopDaemon(placeOf(part), STOP_MS),
    logFile: (part) => placeOf(part).logFile,
    readLogEnd: async (part, lines) => (await readLastLines(placeOf(part).logFile, lines)).lines,
    addressFor: (part) => addressFor(part, ports),
    readVersion: (part) => readPartVersion(options.recipes, part, files),
    readNote: (part) => readNote(placeOf(part)),
    memoryBytes: readResidentBytes,
  }
}

const STOP_MS = 30_000
