/**
 * Directories that a process needs while it runs. A note in each says whose it is, so that what a killed
 * process left can be told from what another one is using.
 */
import { join } from 'node:path'
import { type Processes, parseHolder, systemProcesses } from './file-lock.ts'
import { type Files, isErrno } from './files.ts'

export interface ScratchPlace {
  /** Holds scratch directories; need not exist. */
  readonly parent: string
  /** Directories are called `<name>-<pid>`. */
  readonly name: string
}

const NOTE = 'process.json'
/** The note follows its directory at once: one that lacks it for so long has lost its process. */
const NOTE_AFTER_MS = 60 * 60_000

/** Makes this process's directory, empty but for the note; returns its path. */
export async function makeScratch(
  files: Files,
  { parent, name }: ScratchPlace,
  processes: Processes = systemProcesses(),
): Promise<string> {
  const self = processes.self()
  const dir = join(parent, `${name}-${self.pid}`)
  await files.remove(dir)
  await files.mkdir(dir)
  const note = JSON.stringify({ ...self, owner: name })
  await files.writeFile(join(dir, NOTE), Buffer.from(`${note}\n`))
  return dir
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
  for (const one of await namesIn(files, parent)) {
    if (!one.startsWith(`${name}-`) || !/^\d+$/.test(one.slice(name.length + 1))) continue
    const dir = join(parent, one)
    try {
      if (await isLeft(files, dir, processes, nowMs)) await files.remove(dir)
    } catch (error) {
      // Its owner has removed it meanwhile.
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
  if (owner) return !processes.isAlive(owner)
  return nowMs - (await files.stat(dir)).modifiedMs > NOTE_AFTER_MS
}

async function namesIn(files: Files, dir: string): Promise<readonly string[]> {
  try {
    return await files.readdir(dir)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}
