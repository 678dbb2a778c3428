/** Identifies a process beyond its pid, which is reused: by its start time. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** A running process, or one that ended unnoticed. */
export interface ProcessStart {
  /** Equal for the same process only; has no other meaning. */
  readonly started: string
  /** It has ended, but its parent has not noticed yet. */
  readonly isZombie: boolean
  /** A signal has stopped it, or a debugger holds it. */
  readonly isStopped: boolean
}

/** undefined: there is no such process, or the system doesn't tell. */
export function readProcessStart(pid: number): ProcessStart | undefined {
  return readFromProc(pid) ?? (process.platform === 'linux' ? undefined : readFromPs(pid))
}

/** Resident memory in bytes; null if the system doesn't tell. */
export function readResidentBytes(pid: number): number | null {
  try {
    const kib =
      process.platform === 'linux'
        ? /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
        : runPs(pid, 'rss=')
    return kib === undefined || kib === '' ? null : Number(kib) * 1024
  } catch {
    return null
  }
}

/**
 * proc(5): in /proc/<pid>/stat, field 3 is the state and field 22 the start in ticks after boot.
 */
function readFromProc(pid: number): ProcessStart | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Field 2, the command's name in parentheses, may contain spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state = ''] = fields
    const started = `${boot}/${fields[19] ?? ''}`
    return { started, isZombie: state === 'Z', isStopped: /^t$/i.test(state) }
  } catch {
    return undefined
  }
}

/** `ps` prints e.g. `S    Sun Nov 22 13:33:37 2026`. */
function readFromPs(pid: number): ProcessStart | undefined {
  try {
    const [, state = '', started = ''] = /^(\S+)\s+(.+)$/.exec(runPs(pid, 'stat=,lstart=')) ?? []
    if (started === '') return undefined
    return { started, isZombie: state.startsWith('Z'), isStopped: /^t/i.test(state) }
  } catch {
    return undefined
  }
}

function runPs(pid: number, columns: string): string {
  return execFileSync('ps', ['-o', columns, '-p', String(pid)], {
    env: { ...process.env, LC_ALL: 'C' },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 5_000,
  }).trim()
}
