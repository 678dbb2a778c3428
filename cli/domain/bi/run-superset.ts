/**
 * `ccs bi`: one Superset for each project, started and stopped like the servers of `ccs stack`.
 * Repeating `up` leaves a running one alone; what fails is stopped again.
 */
import type { Clock } from '../kernel/clock.ts'
import { CcsError } from '../kernel/errors.ts'
import { importAssets, type SupersetApi } from './import-assets.ts'
import type { WantedObject } from './render.ts'
import type { SyncPlan } from './sync-plan.ts'
import type { Warehouse } from './warehouse.ts'

/** `died`: it was started and ended by itself; `down`: never started, or stopped. */
export type BiState = 'running' | 'not answering' | 'died' | 'down'

/** How the last start was chosen. */
export interface BiSettings {
  readonly port: number
  readonly warehouse: Warehouse
}

/** Who is told what a command does, and how it is stopped. */
export interface BiReport {
  readonly signal: AbortSignal
  readonly onNotice: (text: string) => void
  /** Of `total` packages `done` are downloaded. */
  readonly onInstall?: (done: number, total: number) => void
}

/** The process of a Superset. */
export interface BiNote {
  readonly pid: number
  /** ISO 8601. */
  readonly since: string
}

/** The folder of a project's Superset, and its process. */
export interface BiHome {
  /** Absolute path of `.ccs/superset`. */
  readonly dir: string
  readonly logFile: string
  readonly passwordFile: string
  takeLock(
    owner: string,
    report: Pick<BiReport, 'signal' | 'onNotice'>,
  ): Promise<{ release(): Promise<void> }>
  readSettings(): Promise<BiSettings | undefined>
  saveSettings(settings: BiSettings): Promise<void>
  /** undefined: it was never started, or it was stopped. */
  readNote(): BiNote | undefined
  isAlive(): boolean
  isReady(port: number): Promise<boolean>
  memoryBytes(pid: number): number | null
  readVersion(): Promise<string>
  /** CCS_PORT_TAKEN; waits for what is left of a Superset that died. */
  requirePort(port: number): Promise<void>
  install(warehouse: Warehouse, report: BiReport): Promise<void>
  /** Returns the administrator's password if it is new. */
  prepare(isDemo: boolean, report: BiReport): Promise<string | undefined>
  start(settings: BiSettings): Promise<void>
  stop(): Promise<void>
  /** Deletes its data, those of its users too. */
  purge(): Promise<void>
  readLogEnd(lines: number): Promise<readonly string[]>
  openApi(port: number): Promise<SupersetApi>
}

/** What `ccs bi status --json` prints. */
export interface BiStatus {
  readonly state: BiState
  readonly address: string
  readonly version: string
  readonly warehouse: Warehouse
  readonly pid: number | null
  readonly since: string | null
  readonly memoryBytes: number | null
  readonly dir: string
  readonly log: string
  /** Of the files and of other people; [] if it doesn't run. */
  readonly dashboards: readonly { readonly title: string; readonly url: string }[]
}

/** What `ccs bi up --json` prints. */
export interface BiUp extends BiStatus {
  readonly started: boolean
  readonly user: string
  /** The file that holds the administrator's password. */
  readonly passwordFile: string
  readonly changes: SyncPlan
}

/** What `ccs bi down --json` prints. */
export interface BiDown {
  readonly stopped: boolean
  readonly purged: boolean
}

/** How to start. */
export interface BiUpOptions extends BiReport {
  readonly port?: number | undefined
  readonly warehouse?: Warehouse | undefined
  readonly isDemo: boolean
  readonly wanted: readonly WantedObject[]
  /** The administrator's password, if it is new: it is shown once. */
  readonly onPassword: (password: string) => void
}

/** Superset's usual port. */
export const BI_PORT = 8088

const READY_MS = 300_000
const POLL_MS = 250
const LOG_LINES = 8

/** Settings of this start: as asked for, else as the last time. */
export function chooseSettings(
  before: BiSettings | undefined,
  asked: Partial<Record<keyof BiSettings, unknown>> & {
    readonly port?: number | undefined
    readonly warehouse?: Warehouse | undefined
  },
): BiSettings {
  return {
    port: asked.port ?? before?.port ?? BI_PORT,
    warehouse: asked.warehouse ?? before?.warehouse ?? 'duckdb',
  }
}

/** Throws CCS_BI_FAILED with the end of its log if it does not become ready. */
export async function bringUpSuperset(
  home: BiHome,
  clock: Clock,
  options: BiUpOptions,
): Promise<BiUp> {
  const lock = await home.takeLock('ccs bi up', options)
  try {
    const before = await home.readSettings()
    const settings = chooseSettings(before, options)
    const wasAlive = home.isAlive()
    if (wasAlive && before) requireSame(before, settings)
    if (!wasAlive) await startSuperset(home, settings, options)
    try {
      await waitUntilReady(home, clock, settings.port, options.signal)
      const changes = await importAssets(await home.openApi(settings.port), options.wanted)
      const status = await readSuperset(home)
      const { passwordFile } = home
      return { ...status, started: !wasAlive, user: BI_USER, passwordFile, changes }
    } catch (error) {
      if (!wasAlive) await home.stop()
      throw error
    }
  } finally {
    await lock.release()
  }
}

/** The administrator. */
export const BI_USER = 'admin'

async function startSuperset(
  home: BiHome,
  settings: BiSettings,
  options: BiUpOptions,
): Promise<void> {
  await home.requirePort(settings.port)
  await home.install(settings.warehouse, options)
  throwIfStopped(options.signal)
  const password = await home.prepare(options.isDemo, options)
  if (password !== undefined) options.onPassword(password)
  throwIfStopped(options.signal)
  await home.saveSettings(settings)
  await home.start(settings)
}

function requireSame(before: BiSettings, now: BiSettings): void {
  if (before.port === now.port && before.warehouse === now.warehouse) return
  throw new CcsError(
    'CCS_USAGE_INVALID',
    `Superset already runs on port ${before.port} over ${before.warehouse}.`,
    { hint: 'End it first: ccs bi down' },
  )
}

/** Imports the files into the one that runs; CCS_BI_FAILED if none does. */
export async function importIntoSuperset(
  home: BiHome,
  wanted: readonly WantedObject[],
  report: Pick<BiReport, 'signal' | 'onNotice'>,
): Promise<SyncPlan> {
  const lock = await home.takeLock('ccs bi import', report)
  try {
    const settings = chooseSettings(await home.readSettings(), {})
    if (!home.isAlive() || !(await home.isReady(settings.port)))
      throw new CcsError('CCS_BI_FAILED', 'Superset does not run.', { hint: 'ccs bi up' })
    return await importAssets(await home.openApi(settings.port), wanted)
  } finally {
    await lock.release()
  }
}

/** Stops it; with `isPurge` its data are deleted too. */
export async function takeDownSuperset(
  home: BiHome,
  { isPurge, ...report }: Pick<BiReport, 'signal' | 'onNotice'> & { readonly isPurge: boolean },
): Promise<BiDown> {
  const lock = await home.takeLock('ccs bi down', report)
  try {
    const stopped = home.isAlive()
    await home.stop()
    if (isPurge) await home.purge()
    return { stopped, purged: isPurge }
  } finally {
    await lock.release()
  }
}

/** Asks it; changes nothing. */
export async function readSuperset(home: BiHome): Promise<BiStatus> {
  const { port, warehouse } = chooseSettings(await home.readSettings(), {})
  const note = home.readNote()
  const isAlive = home.isAlive()
  const isReady = isAlive && (await home.isReady(port))
  const alive = isAlive ? note : undefined
  const address = `http://127.0.0.1:${port}`
  return {
    state: isReady ? 'running' : isAlive ? 'not answering' : note ? 'died' : 'down',
    address,
    version: await home.readVersion(),
    warehouse,
    pid: alive?.pid ?? null,
    since: alive?.since ?? null,
    memoryBytes: alive ? home.memoryBytes(alive.pid) : null,
    dir: home.dir,
    log: home.logFile,
    dashboards: isReady ? await listDashboards(await home.openApi(port), address) : [],
  }
}

async function listDashboards(api: SupersetApi, address: string) {
  const all = await api.exportAll()
  return all
    .filter(({ kind }) => kind === 'dashboards')
    .map(({ content, uuid }) => ({
      title: String(content.dashboard_title),
      url: `${address}/superset/dashboard/${String(content.slug || uuid)}/`,
    }))
    .sort((a, b) => (a.title < b.title ? -1 : 1))
}

async function waitUntilReady(
  home: BiHome,
  clock: Clock,
  port: number,
  signal: AbortSignal,
): Promise<void> {
  const endMs = clock.elapsedMs() + READY_MS
  for (;;) {
    throwIfStopped(signal)
    if (!home.isAlive()) throw await failedError(home, 'ended before it was ready')
    if (await home.isReady(port)) return
    if (clock.elapsedMs() > endMs) throw await failedError(home, 'is not ready yet')
    await clock.sleep(POLL_MS, signal)
  }
}

async function failedError(home: BiHome, what: string): Promise<CcsError> {
  const lines = await home.readLogEnd(LOG_LINES)
  const end =
    lines.length === 0 ? ' It has said nothing.' : ` It said last:\n  ${lines.join('\n  ')}`
  return new CcsError('CCS_BI_FAILED', `Superset ${what}.${end}`, {
    hint: `Its whole log: ${home.logFile}`,
  })
}

/** The error of an interrupted start. */
export function biStoppedError(): CcsError {
  return new CcsError('CCS_BI_STOPPED', 'Stopped: what this call had started is down again.', {
    hint: 'Run ccs bi up again; it resumes where it has to.',
  })
}

function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw biStoppedError()
}
