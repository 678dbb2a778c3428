/**
 * Temporary directories of a running process. A note in each names its process, so that those of
 * killed processes can be told from those in use.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Files, isErrno, listNames } from './files.ts'
import { parseHolder } from './lock-holder.ts'
import { type Processes, systemProcesses } from './process-id.ts'

/** Where scratch directories lie. */
export interface ScratchPlace {
  /** Contains the scratch directories; need not exist. */
  readonly parent: string
  /** Directories are called `<name>-<pid>-<random>`: pids of two containers may be the same. */
  readonly name: string
}

const NOTE = 'process.json'
/** The note is written right after the directory; without one after so long, its process died. */
const NOTE_AFTER_MS = 60 * 60_000
/** A directory of another container or machine that was not changed for so long is left over. */
const ELSEWHERE_MS = 7 * 24 * 60 * 60_000

/** Creates this process's directory, empty but for the note; returns its path. */
export async function makeScratch(
  files: Files,
  { parent, name }: ScratchPlace,
  processes: Processes = systemProcesses(),
): Promise<string> {
  const self = processes.self()
  const dir = join(parent, `${name}-${self.pid}-${randomBytes(4).toString('hex')}`)
  await files.mkdir(dir)
  const note = JSON.stringify({ ...self, owner: name })
  await files.writeFile(join(dir, NOTE), Buffer.from(`${note}\n`))
  return dir
}

/**
 * Runs `use` with such a directory, which is removed at the end, as are those of dead processes.
 */
export async function withScratch<T>(
  files: Files,
  place: ScratchPlace,
  nowMs: number,
  use: (dir: string) => Promise<T>,
): Promise<T> {
  await clearScratch(files, place, { nowMs })
  const dir = await makeScratch(files, place)
  try {
    return await use(dir)
  } finally {
    await files.remove(dir)
  }
}

/** Removes the directories of dead processes. */
export async function clearScratch(
  files: Files,
  { parent, name }: ScratchPlace,
  {
    processes = systemProcesses(),
    nowMs,
  }: { readonly processes?: Processes; readonly nowMs: number },
): Promise<void> {
  for (const one of await listNames(files, parent)) {
    if (!one.startsWith(`${name}-`) || !/^\d+(-[0-9a-f]{8})?$/.test(one.slice(name.length + 1)))
      continue
    const dir = join(parent, one)
    try {
      if (await isLeft(files, dir, processes, nowMs)) await files.remove(dir)
    } catch (error) {
      // Its owner removed it meanwhile.
      if (!isErrno(error, 'ENOENT')) throw error
    }
  }
}

async function isLeft(
  files: Files,
  dir: string,
  processes: Processes,
  nowMs: number,
): Promise<boolean> {
  const note = await files.readFile(join(dir, NOTE)).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  })
  const owner = note && parseHolder(note.toString('utf8'))
  const isAlive = owner && processes.isAlive(owner)
  if (isAlive !== undefined) return !isAlive
  const ageMs = nowMs - (await files.stat(dir)).modifiedMs
  return ageMs > (owner ? ELSEWHERE_MS : NOTE_AFTER_MS)
}

/** Creates a directory of its own below the system's directory for temporary files. */
export function makeTempDir(prefix: string): Promise<string> {
  return mkdtemp(join(tmpdir(), prefix))
}
