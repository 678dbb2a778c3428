/** Which process this is, and whether others still run, as far as that can be seen from here. */
import { readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { readProcessStart } from '../process/process-start.ts'
import { isErrno } from './files.ts'

/** Identifies a process across restarts of the machine. */
export interface ProcessId {
  readonly pid: number
  readonly host: string
  /** Boot and start time, because pids are reused; '' if the system doesn't tell. */
  readonly started: string
  /** The PID namespace that the pid belongs to; absent on macOS, and in what an older ccs wrote. */
  readonly namespace?: string
}

/** Tells who this process is, and whether others still run. */
export interface Processes {
  self(): ProcessId
  /** undefined for a process of another host or container, which can't be checked from here. */
  isAlive(process: ProcessId): boolean | undefined
}

/** Processes of this machine: checked by signal 0 and, if there is /proc, by start time. */
export function systemProcesses(): Processes {
  const namespace = readNamespace()
  return {
    self: () => ({
      pid: process.pid,
      host: hostname(),
      started: readProcessStart(process.pid)?.started ?? '',
      ...(namespace === undefined ? {} : { namespace }),
    }),
    isAlive: (other) => {
      if (other.host !== hostname()) return undefined
      if (other.namespace !== undefined && other.namespace !== namespace) return undefined
      if (!answersSignal(other.pid)) return false
      const now = readProcessStart(other.pid)
      if (now === undefined || other.started === '') return true
      return !now.isZombie && now.started === other.started
    },
  }
}

/** pid_namespaces(7): the same text for the same namespace. */
function readNamespace(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return undefined
  }
}

function answersSignal(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it runs as another user.
    return !isErrno(error, 'ESRCH')
  }
}
