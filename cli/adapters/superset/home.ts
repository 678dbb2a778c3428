/**
 * The Superset of a project: its folder `.ccs/superset` with data and secrets, its environment in
 * the cache, and its process.
 */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import {
  BI_USER,
  type BiHome,
  type BiReport,
  type BiSettings,
  biStoppedError,
} from '../../domain/bi/run-superset.ts'
import { WAREHOUSES, type Warehouse } from '../../domain/bi/warehouse.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { asObject, parseJson } from '../../domain/kernel/json.ts'
import { waitForLock } from '../files/file-lock.ts'
import { diskFiles, type Files, writeFileAtomic } from '../files/files.ts'
import { runPython } from '../process/child.ts'
import { type DaemonPlace, isSame, readNote, startDaemon, stopDaemon } from '../process/daemon.ts'
import { isFree } from '../process/free-ports.ts'
import { readLastLines } from '../process/log-tail.ts'
import { readResidentBytes } from '../process/process-start.ts'
import { sleep } from '../process/system-clock.ts'
import { hashLockFile, provideVenv, type VenvPurpose } from '../process/venv.ts'
import { openSuperset } from './rest.ts'

/** Where it is, and what it is started from. */
export interface SupersetPlace {
  /** Folder of the project. */
  readonly projectDir: string
  readonly env: NodeJS.ProcessEnv
}

const VENV: VenvPurpose = {
  name: 'Superset',
  needs: 'Superset needs',
  packages: ['apache-superset', 'duckdb', 'duckdb-engine'],
  sourceOnly: ['odfpy', 'wtforms-json'],
  pythonMinor: 12,
  installing: 'Installing Superset',
  size: 'about 220 MB to download, 720 MB on disk',
  next: 'ccs bi up. All else works without it.',
  stopped: biStoppedError,
}

const STOP_MS = 30_000
/** How long a worker may listen on after its server was killed. */
const LEFTOVER_MS = 15_000
const DEMO_PASSWORD = 'admin'

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
    ...{ dir, passwordFile, isAlive, logFile: place.logFile, memoryBytes: readResidentBytes },
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
      await startDaemon(place, await program.call(settings))
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

/** Superset's environment and its programs. */
class SupersetProgram {
  readonly #files: Files
  readonly #place: SupersetPlace
  readonly #dir: string
  #python = ''
  #lock = ''

  constructor(files: Files, place: SupersetPlace, dir: string) {
    this.#files = files
    this.#place = place
    this.#dir = dir
  }

  async install(warehouse: Warehouse, { signal, onNotice, onInstall }: BiReport): Promise<void> {
    const { env } = this.#place
    const lockFile = this.#recipe(
      warehouse === 'duckdb' ? 'requirements.lock' : `requirements-${warehouse}.lock`,
    )
    this.#lock = await hashLockFile(this.#files, lockFile)
    const cache = path.resolve(env.CCS_CACHE_DIR || `${homedir()}/.cache/ccs`)
    this.#python = await provideVenv({
      ...{ files: this.#files, purpose: VENV, lockFile, env, signal, onNotice },
      dir: path.join(cache, 'superset', this.#lock.slice(0, 16)),
      owner: 'ccs bi up',
      onProgress: onInstall,
    })
  }

  /** Does nothing if the last one had the same packages and the same password. */
  async prepare(password: string, { signal, onNotice }: BiReport): Promise<void> {
    const marker = path.join(this.#dir, 'prepared')
    const hash = createHash('sha256').update(`${this.#lock} ${password}`).digest('hex')
    const database = path.join(this.#dir, 'superset.db')
    if (existsSync(database) && (await readText(this.#files, marker)) === hash) return
    onNotice('Preparing Superset’s own database (about a minute).')
    const exit = await runPython({
      ...{ python: this.#python, module: this.#recipe('prepare.py'), args: [], signal },
      cwd: this.#dir,
      env: this.#environment(),
      graceMs: 0,
    })
    if (signal.aborted) throw biStoppedError()
    if (exit.code !== 0)
      throw new CcsError(
        'CCS_BI_FAILED',
        `Superset’s database can't be prepared: ${lastLine(exit.stderr)}`,
        {
          hint: `If it is damaged: ccs bi down --purge deletes ${this.#dir}`,
        },
      )
    await writeFileAtomic(this.#files, marker, Buffer.from(hash))
    await chmod(database, 0o600).catch(() => undefined) // it may lie elsewhere
  }

  async call({ port }: BiSettings) {
    const args = ['-I', '-W', 'ignore', '-m', 'gunicorn', '--bind', `127.0.0.1:${port}`]
    const server = ['--workers', '1', '--worker-class', 'gthread', '--threads', '8']
    const limits = ['--timeout', '120', '--graceful-timeout', '5', 'superset.app:create_app()']
    return {
      command: this.#python,
      args: [...args, ...server, ...limits],
      cwd: this.#dir,
      env: this.#environment(),
    }
  }

  async readVersion(): Promise<string> {
    const text = await readText(this.#files, this.#recipe('requirements.lock'))
    return /^apache-superset==(\S+)/m.exec(text ?? '')?.[1] ?? 'unknown'
  }

  #recipe(name: string): string {
    return path.join(this.#place.projectDir, 'infra/superset', name)
  }

  /** What Superset needs and nothing else: a secret that is not named here does not reach it. */
  #environment(): NodeJS.ProcessEnv {
    const { env } = this.#place
    const passed = Object.entries(env).filter(([name]) => PASSED.test(name))
    return {
      ...Object.fromEntries(passed),
      FLASK_APP: 'superset.app:create_app()',
      SUPERSET_HOME: this.#dir,
      SUPERSET_CONFIG_PATH: this.#recipe('superset_config.py'),
      SCARF_ANALYTICS: 'false',
      PYTHONUNBUFFERED: '1',
    }
  }
}

const PASSED = new RegExp(
  '^(PATH|HOME|LANG|LC_\\w+|TZ|TMPDIR|LD_LIBRARY_PATH|OPENBLAS_\\w+|SSL_CERT_\\w+|' +
    'REQUESTS_CA_BUNDLE|(https?|no)_proxy|(RS|OIDC|SUPERSET)_\\w+)$',
  'i',
)

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
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

async function readText(files: Files, file: string): Promise<string | undefined> {
  return existsSync(file) ? (await files.readFile(file)).toString('utf8') : undefined
}

async function makePrivateDir(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  await chmod(dir, 0o700)
}

/** The text of a file that only its owner can read; written if it is not there. */
async function provideSecret(files: Files, file: string, make: () => string): Promise<string> {
  const known = (await readText(files, file))?.trim()
  if (known) {
    await chmod(file, 0o600)
    return known
  }
  const secret = make()
  await rm(file, { force: true })
  await writeFile(file, `${secret}\n`, { mode: 0o600, flag: 'wx' })
  return secret
}

/** The demo's password is nobody's secret: without the demo it is replaced. */
async function providePassword(files: Files, file: string, isDemo: boolean) {
  const known = (await readText(files, file))?.trim() ?? ''
  const isKept = known !== '' && (known === DEMO_PASSWORD) === isDemo
  if (!isKept) await rm(file, { force: true })
  const make = () => (isDemo ? DEMO_PASSWORD : randomBytes(18).toString('base64url'))
  return { password: await provideSecret(files, file, make), isNew: !isKept }
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
