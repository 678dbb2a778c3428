/** Superset's environment in the cache, and the programs that run in it. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { type BiReport, type BiSettings, biStoppedError } from '../../domain/bi/run-superset.ts'
import type { Warehouse } from '../../domain/bi/warehouse.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import { type Files, writeFileAtomic } from '../files/files.ts'
import { runPython } from '../process/child.ts'
import type { DaemonStart } from '../process/daemon.ts'
import { hashLockFile, provideVenv, type VenvPurpose } from '../process/venv.ts'
import { readText } from './secrets.ts'

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

/** Superset's environment and its programs. */
export class SupersetProgram {
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

  /** The server's command line and environment. */
  call({ port }: BiSettings): DaemonStart {
    const args = ['-I', '-W', 'ignore', '-m', 'gunicorn', '--bind', `127.0.0.1:${port}`]
    const server = ['--workers', '1', '--worker-class', 'gthread', '--threads', '8']
    // Its control socket would lie in the user's home.
    const limits = ['--timeout', '120', '--graceful-timeout', '5', '--no-control-socket']
    return {
      command: this.#python,
      args: [...args, ...server, ...limits, 'superset.app:create_app()'],
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
