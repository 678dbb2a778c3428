/**
 * What a process and all that it starts cost: CPU seconds (user and system, reaped children included), wall
 * seconds and peak memory, from Linux's /proc. Memory is the sum of each process's high-water mark (VmHWM),
 * taken over those alive at the same time.
 */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { CCS } from './project.js'

const TICKS_A_SECOND = 100 // USER_HZ, the unit of /proc on every Linux
const SAMPLE_MS = 100

/** Numbers of /proc/<pid>/stat; undefined once the process is gone. */
function stat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    // Fields 4, 14-17 of proc(5); the first two are cut off and the third is a letter.
    const [, parent, , , , , , , , , , user, system, reapedUser, reapedSystem] = fields
    return { parent, own: user + system, reaped: reapedUser + reapedSystem }
  } catch {
    return undefined
  }
}

function peakBytes(pid) {
  try {
    const kb = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    return Number(kb ?? 0) * 1024
  } catch {
    return 0
  }
}

/** Resident bytes now. */
export function residentBytes(pid) {
  const kb = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
  return Number(kb ?? 0) * 1024
}

/** CPU seconds of one living process and what it has reaped. */
export function cpuSeconds(pid) {
  const found = stat(pid)
  if (!found) throw new Error(`process ${pid} has ended`)
  return (found.own + found.reaped) / TICKS_A_SECOND
}

/** Watches the tree below a process; a process that outlives its parent stays in it. */
class Tree {
  #own = new Map()
  peakBytes = 0

  constructor(pid) {
    this.#own.set(pid, 0)
  }

  sample() {
    const parents = new Map()
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue
      const found = stat(name)
      if (found) parents.set(Number(name), found)
    }
    for (let isGrowing = true; isGrowing; ) {
      isGrowing = false
      for (const [pid, { parent }] of parents)
        if (!this.#own.has(pid) && this.#own.has(parent)) {
          this.#own.set(pid, 0)
          isGrowing = true
        }
    }
    let bytes = 0
    for (const pid of this.#own.keys()) {
      const found = parents.get(pid)
      if (!found) continue
      this.#own.set(pid, Math.max(this.#own.get(pid), found.own))
      bytes += peakBytes(pid)
    }
    this.peakBytes = Math.max(this.peakBytes, bytes)
  }

  /** CPU of the processes themselves, as last seen. */
  get seconds() {
    let ticks = 0
    for (const own of this.#own.values()) ticks += own
    return ticks / TICKS_A_SECOND
  }
}

/**
 * Runs a command to its end, with nothing else started meanwhile. Throws when it fails. `stdout` is what it
 * printed. CPU is what the system charged this process for its children, or what was seen of the tree where
 * a grandchild was never reaped, whichever is more.
 */
export async function measure(command, args, { env, cwd, onStart } = {}) {
  const before = stat(process.pid).reaped
  const startMs = performance.now()
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const tree = new Tree(child.pid)
  const timer = setInterval(() => tree.sample(), SAMPLE_MS)
  const texts = { stdout: '', stderr: '' }
  child.stdout.on('data', (data) => (texts.stdout += data))
  child.stderr.on('data', (data) => (texts.stderr = (texts.stderr + data).slice(-20_000)))
  onStart?.(child)
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status, signal) => resolve(status ?? signal))
  })
  clearInterval(timer)
  const wallSeconds = (performance.now() - startMs) / 1000
  if (code !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${texts.stderr}`)
  const reaped = (stat(process.pid).reaped - before) / TICKS_A_SECOND
  const cpu = Math.max(reaped, tree.seconds)
  return { cpuSeconds: cpu, wallSeconds, peakBytes: tree.peakBytes, stdout: texts.stdout }
}

/** `ccs …` to its end. */
export function ccs(args, options) {
  return measure(process.execPath, [CCS, ...args], options)
}

/** `ccs …` in the background; `stop()` drains it, `kill()` does not. */
export function startCcs(args, groups = []) {
  const enter = groups.map((dir) => `echo $$ > '${dir}/cgroup.procs' && `).join('')
  const command = ['-c', `${enter}exec "$0" "$@"`, process.execPath, CCS, ...args]
  const child = spawn('/bin/sh', command, { stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  let stdout = ''
  child.stderr.on('data', (data) => (stderr = (stderr + data).slice(-20_000)))
  child.stdout.on('data', (data) => (stdout += data))
  const ended = new Promise((resolve) => child.once('close', resolve))
  const end = async (signal) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    await ended
  }
  return {
    pid: child.pid,
    ended,
    startMs: performance.now(),
    isAlive: () => child.exitCode === null && child.signalCode === null,
    output: () => ({ stdout, stderr }),
    peakBytes: () => peakBytes(child.pid),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The value that a share of all are not above; `sorted` ascends. */
export function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]
}

/** Runs two sides as A B B A A B …: `pairs` of each. */
export async function abba(pairs, a, b) {
  const found = []
  for (let i = 0; i < pairs; i++) {
    if (i % 2 === 0) {
      const first = await a(i)
      found.push({ a: first, b: await b(i) })
    } else {
      const first = await b(i)
      found.push({ a: await a(i), b: first })
    }
  }
  return found
}

/** Median of the per-pair ratios of a measured number, with least and greatest. */
export function ratio(pairs, pick) {
  const all = pairs.map(({ a, b }) => pick(a) / pick(b))
  return { median: median(all), min: Math.min(...all), max: Math.max(...all) }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
