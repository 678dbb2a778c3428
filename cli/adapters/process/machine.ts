/** This machine: its user, and for `ccs doctor` its disk, memory and ports. */
import { existsSync } from 'node:fs'
import { mkdtemp, open, rm, statfs } from 'node:fs/promises'
import { connect } from 'node:net'
import { availableParallelism, hostname, userInfo } from 'node:os'
import path from 'node:path'
import { lockFile } from '../files/kernel-lock.ts'
import { usableMemory } from './memory.ts'

/** Who runs this process: user@host. */
export function describeUser(): string {
  return `${userInfo().username}@${hostname()}`
}

/** Free bytes for this user on the disk of `dir`, or of its nearest existing parent. */
async function freeBytes(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(findNearestFolder(dir))
  return bavail * bsize
}

/** Writes and removes a file in `dir` or its nearest existing parent; why that failed. */
async function whyNotWritable(dir: string): Promise<string | undefined> {
  try {
    const probe = await mkdtemp(path.join(findNearestFolder(dir), '.ccs-doctor-'))
    try {
      const file = await open(path.join(probe, 'probe'), 'w')
      try {
        await file.write('ccs')
        await file.datasync()
      } finally {
        await file.close()
      }
    } finally {
      await rm(probe, { recursive: true, force: true })
    }
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** Why the kernel keeps no locks in `dir` or its nearest existing parent. */
async function whyWithoutLocks(dir: string): Promise<string | undefined> {
  const probe = await mkdtemp(path.join(findNearestFolder(dir), '.ccs-doctor-'))
  try {
    const attempt = await lockFile(path.join(probe, 'lock'))
    if (attempt.state === 'locked') attempt.lock.release()
    return attempt.state === 'unsupported' ? attempt.why : undefined
  } finally {
    await rm(probe, { recursive: true, force: true })
  }
}

/** Whether something accepts connections on 127.0.0.1; gives up after half a second. */
function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: 500 })
    const answer = (isThere: boolean) => {
      socket.destroy()
      resolve(isThere)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
    socket.once('timeout', () => answer(false))
  })
}

/** The Machine of domain/doctor/doctor.ts. */
export function openMachine() {
  return {
    nodeVersion: process.version,
    cores: availableParallelism(),
    memoryBytes: usableMemory(),
    freeBytes,
    whyNotWritable,
    whyWithoutLocks,
    isListening,
  }
}

function findNearestFolder(dir: string): string {
  let folder = path.resolve(dir)
  while (!existsSync(folder) && folder !== path.dirname(folder)) folder = path.dirname(folder)
  return folder
}
