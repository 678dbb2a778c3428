/**
 * What tells a process from every other one that has had, or will have, its number: when it began.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export interface ProcessMark {
  /** The same text as long as it is the same process; no more is to be read from it. */
  readonly started: string
  /** It has ended, and nobody has taken note yet. */
  readonly isZombie: boolean
}

/** undefined: there is no such process, or this system can't say. */
export function startedOf(pid: number): ProcessMark | undefined {
  return fromProc(pid) ?? (process.platform === 'linux' ? undefined : fromPs(pid))
}

/** Memory of a process in bytes; null where this system can't say. */
export function residentBytes(pid: number): number | null {
  try {
    const kib =
      process.platform === 'linux'
        ? /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
        : ps(pid, 'rss=')
    return kib === undefined || kib === '' ? null : Number(kib) * 1024
  } catch {
    return null
  }
}

/** From proc(5): field 3 of /proc/<pid>/stat is the state, field 22 the start in ticks since boot. */
function fromProc(pid: number): ProcessMark | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field, the command's name in parentheses, may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { started: `${boot}/${fields[19] ?? ''}`, isZombie: fields[0] === 'Z' }
  } catch {
    return undefined
  }
}

/** `S    Sun Nov 22 13:33:37 2026` */
function fromPs(pid: number): ProcessMark | undefined {
  try {
    const [, state = '', started = ''] = /^(\S+)\s+(.+)$/.exec(ps(pid, 'stat=,lstart=')) ?? []
    return started === '' ? undefined : { started, isZombie: state.startsWith('Z') }
  } catch {
    return undefined
  }
}

function ps(pid: number, columns: string): string {
  return execFileSync('ps', ['-o', columns, '-p', String(pid)], {
    env: { ...process.env, LC_ALL: 'C' },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 5_000,
  }).trim()
}
