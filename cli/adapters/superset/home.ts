/**
 * The Superset of a project: its folder `.ccs/superset` with data and secrets, its environment in
 * the cache, and its process.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import {
  BI_USER,
  type BiHome,
  type BiReport,
  type BiSettings,
  biStoppedError,
} from '../../domain/bi/run-superset.ts'
import { WAREHOUSES } from '../../domain/bi/warehouse.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { asObject, parseJson } from '../../domain/kernel/json.ts'
import { waitForLock } from '../files/file-lock.ts'
import { diskFiles, type Files, writeFileAtomic } from '../files/files.ts'
import { type DaemonPlace, isSame, readNote, startDaemon, stopDaemon } from '../process/daemon.ts'
import { isFree } from '../process/free-ports.ts'
import { readLastLines } from '../process/log-tail.ts'
import { readResidentBytes } from '../process/process-start.ts'
import { sleep } from '../process/system-clock.ts'
import { type SupersetPlace, SupersetProgram } from './program.ts'
import { openSuperset } from './rest.ts'
import { makePrivateDir, providePassword, provideSecret, readText } from './secrets.ts'

const STOP_MS = 30_000
/** How long a worker may listen on after its server was killed. */
const LEFTOVER_MS = 15_000

/** Opens the folder; creates nothing yet. */
export function openSupersetHome({ projectDir, env }: SupersetPlace): BiHome {
  const files = diskFiles()
  requireFolder(projectDir)
  const dir = path.resolve(projectDir, '.ccs/superset')
  const inDir = (name: string) => path.join(dir, name)
  const place: DaemonPlace = { noteFile: inDir('process.json'), logFile: inDir('superset.log') }
  const passwordFile = inDir('admin-password')
  const settingsFile = inDir('settings.json')
  const program = new SupersetProgram(files, { projectDir, env }, dir)
  const isAlive = () => {
    const note = readNote(place)
    return note !== undefined && isSame(note)
  }
  return {
    ...{ dir, passwordFile, isAlive, logFile: place.logFile, memoryBytes: readServerBytes },
    takeLock: (owner, report) => takeLock(files, dir, owner, report),
    readSettings: async () => parseSettings(await readText(files, settingsFile)),
    saveSettings: async (settings) => {
      await makePrivateDir(dir)
      await writeFileAtomic(files, settingsFile, Buffer.from(`${JSON.stringify(settings)}\n`))
    },
    readNote: () => readNote(place),
    isReady: async (port) => isHealthy(`http://127.0.0.1:${port}/health`),
    readVersion: () => program.readVersion(),
    requirePort: (port) => requirePort(port, readNote(place) !== undefined),
    install: (warehouse, report) => program.install(warehouse, report),
    prepare: async (isDemo, report) => {
      await makePrivateDir(dir)
      await provideSecret(files, inDir('secret-key'), () => randomBytes(48).toString('base64url'))
      const { password, isNew } = await providePassword(files, passwordFile, isDemo)
      await program.prepare(password, report)
      return isNew ? password : undefined
    },
    start: async (settings) => {
      await startDaemon(place, program.call(settings))
    },
    stop: () => stopDaemon(place, STOP_MS),
    purge: () => rm(dir, { recursive: true, force: true }),
    readLogEnd: async (lines) => (await readLastLines(place.logFile, lines)).lines,
    openApi: async (port) => {
      const password = ((await readText(files, passwordFile)) ?? '').trim()
      return openSuperset({ url: `http://127.0.0.1:${port}`, user: BI_USER, password })
    },
  }
}

function requireFolder(projectDir: string): void {
  if (existsSync(path.join(projectDir, 'infra/superset/requirements.lock'))) return
  throw new CcsError('CCS_BI_MISSING', `${projectDir} has no infra/superset.`, {
    hint: 'ccs init DIR creates a project that has it; copy that folder.',
  })
}

async function takeLock(
  files: Files,
  dir: string,
  owner: string,
  { signal, onNotice }: Pick<BiReport, 'signal' | 'onNotice'>,
) {
  const parent = path.dirname(dir)
  await files.mkdir(parent)
  return waitForLock(files, { dir: parent, name: 'superset-lock' }, owner, {
    onTry: () => {
      if (signal.aborted) throw biStoppedError()
    },
    onWait: (who) => onNotice(`${who} works on this Superset; waiting for it.`),
  })
}

function parseSettings(text: string | undefined): BiSettings | undefined {
  const { port, warehouse } = asObject(parseJson(text ?? ''))
  const known = WAREHOUSES.find((one) => one === warehouse)
  return typeof port === 'number' && known ? { port, warehouse: known } : undefined
}

/** Of the server and its worker, which does the work. */
function readServerBytes(pid: number): number | null {
  const own = readResidentBytes(pid)
  return own === null ? null : listChildren(pid).reduce(sumBytes, own)
}

function sumBytes(sum: number, pid: number): number {
  return sum + (readResidentBytes(pid) ?? 0)
}

/** [] where the system has no /proc. */
function listChildren(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    return text === '' ? [] : text.split(' ').map(Number)
  } catch {
    return []
  }
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) })
    return answer.status === 200 && (await answer.text()).trim() === 'OK'
  } catch {
    return false
  }
}

async function requirePort(port: number, mayHaveLeftover: boolean): Promise<void> {
  const endMs = performance.now() + (mayHaveLeftover ? LEFTOVER_MS : 0)
  while (!(await isFree(port))) {
    if (performance.now() >= endMs)
      throw new CcsError('CCS_PORT_TAKEN', `Another program listens on port ${port}.`, {
        hint: 'Stop it, or name another port: ccs bi up --port N',
      })
    await sleep(250)
  }
}
