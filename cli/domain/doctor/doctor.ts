/**
 * `ccs doctor`: checks whether everything is there that ccs needs. Each check is one line; a check
 * that fails says what to do. The machine is a parameter, so that tests can have a full disk.
 */
import type { Config } from '../config/config.ts'
import { listSettings } from '../config/list-settings.ts'
import { appendAll } from '../kernel/lists.ts'
import { formatBytes } from '../kernel/units.ts'
import type { DescribedDisk } from '../lake/disk-forecast.ts'

/** The result of one check. */
export interface Check {
  readonly name: string
  readonly status: 'ok' | 'warning' | 'failed'
  readonly detail: string
  /** What to do about it: a command or an edit. */
  readonly hint?: string
}

/** What doctor needs to know about the machine. */
export interface Machine {
  readonly nodeVersion: string
  readonly cores: number
  readonly memoryBytes: number
  /** Free bytes for this user on the disk of `dir`, or of its nearest existing parent. */
  freeBytes(dir: string): Promise<number>
  /** Writes and removes a file in `dir` or its nearest existing parent; why that failed. */
  whyNotWritable(dir: string): Promise<string | undefined>
  /** Why the kernel keeps no locks in `dir` or its nearest existing parent. */
  whyWithoutLocks(dir: string): Promise<string | undefined>
  /** Whether something listens on this port of 127.0.0.1. */
  isListening(port: number): Promise<boolean>
}

/** What could be read of the project. */
export interface ExaminedProject {
  readonly config: Config
  readonly dir: string
  readonly dataDir: string
  readonly schemas: number
  /** Number of models in sql/, and the failed checks on them. */
  readonly models: number
  readonly modelFaults: readonly Check[]
  /** Failed checks on the metrics of the live page. */
  readonly metricFaults: readonly Check[]
  /** Whether the daily marts can be built here; undefined without a dbt project. */
  readonly marts?: readonly Check[]
  /** How long the disk lasts; undefined: the data can't be read. */
  readonly disk?: DescribedDisk | undefined
  /** Checks of the collector and of its senders. */
  readonly collector?: readonly Check[]
  /** Checks of the target's servers. */
  readonly target?: readonly Check[]
}

/** What `ccs doctor --json` prints. */
export interface DoctorResult {
  /** Whether no check failed; there may be warnings. */
  readonly ok: boolean
  readonly checks: readonly Check[]
  /** The settings in force; empty if the project could not be read. */
  readonly config: readonly { readonly setting: string; readonly value: string }[]
}

const GIB = 1024 ** 3
const FREE_BYTES_MIN = GIB / 4
const FREE_BYTES_GOOD = 2 * GIB
const LOCKS =
  'Install flock (package util-linux, or busybox), or choose a disk that has locks with --data ' +
  'DIR. Until then ccs can’t tell whether a process of another container or machine still runs.'

/** `project` is what could be read of it, or the failed checks that say why it could not. */
export async function examineProject(
  project: ExaminedProject | readonly Check[],
  machine: Machine,
): Promise<DoctorResult> {
  const checks: Check[] = [nodeCheck(machine.nodeVersion)]
  if (!('config' in project)) appendAll(checks, project)
  else {
    checks.push(projectCheck(project), ...modelChecks(project), ...project.metricFaults)
    checks.push(timezoneCheck(project.config))
    appendAll(checks, await diskChecks(project.dataDir, machine))
    if (project.disk) checks.push(growthCheck(project.disk))
    checks.push(memoryCheck(project.config, machine), await portCheck(project.config, machine))
    appendAll(checks, project.collector ?? [])
    appendAll(checks, project.marts ?? [])
    appendAll(checks, project.target ?? [])
  }
  return {
    ok: checks.every((check) => check.status !== 'failed'),
    checks,
    config: 'config' in project ? listSettings(project.config) : [],
  }
}

function nodeCheck(version: string): Check {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number)
  return major > 20 || (major === 20 && minor >= 19)
    ? ok('node', version)
    : failed('node', `${version} is too old.`, 'Install Node 20.19 or newer.')
}

function projectCheck({ dir, schemas }: ExaminedProject): Check {
  return schemas > 0
    ? ok('project', `${dir}, ${schemas} schema files`)
    : failed('project', `${dir} has no schemas/*.avsc.`, 'Make a whole project: ccs init DIR')
}

function modelChecks({ models, modelFaults }: ExaminedProject): readonly Check[] {
  if (modelFaults.length > 0) return modelFaults
  return models > 0
    ? [ok('models', `${models} models in sql/, and DuckDB reads them`)]
    : [failed('models', 'There are no models in sql/.', 'Make a whole project: ccs init DIR')]
}

function timezoneCheck(config: Config): Check {
  return ok('timezone', `The shop's day is that of ${config.timezone}.`)
}

async function diskChecks(dataDir: string, machine: Machine): Promise<Check[]> {
  const reason = await machine.whyNotWritable(dataDir)
  if (reason !== undefined)
    return [
      failed(
        'data directory',
        `${dataDir} can't be written: ${reason}.`,
        'Give this user the right to it, or choose another with --data DIR.',
      ),
    ]
  const free = await machine.freeBytes(dataDir)
  const detail = `${formatBytes(free)} free`
  const hint = 'Free some space, or choose another disk with --data DIR.'
  const space: Check =
    free < FREE_BYTES_MIN
      ? failed('disk space', `Only ${detail}.`, hint)
      : free < FREE_BYTES_GOOD
        ? { name: 'disk space', status: 'warning', detail: `Only ${detail}.`, hint }
        : ok('disk space', detail)
  const why = await machine.whyWithoutLocks(dataDir)
  const locks: Check =
    why === undefined
      ? ok('locks', 'The kernel keeps them; those of killed processes are free at once.')
      : { name: 'locks', status: 'warning', detail: `The kernel keeps none: ${why}.`, hint: LOCKS }
  return [ok('data directory', `${dataDir} can be written.`), space, locks]
}

function growthCheck({ text, warning }: DescribedDisk): Check {
  if (!warning) return ok('disk growth', text)
  return { name: 'disk growth', status: 'warning', detail: warning.text, hint: warning.hint }
}

function memoryCheck(config: Config, machine: Machine): Check {
  const limit = config.engine.memoryLimitBytes
  const machineText = `${formatBytes(machine.memoryBytes)} in the machine, ${machine.cores} cores`
  const detail = `${formatBytes(limit)} for SQL, ${machineText}`
  return limit * 2 <= machine.memoryBytes
    ? ok('memory', detail)
    : { name: 'memory', status: 'warning', detail, hint: 'Lower engine.memory_limit in ccs.yml.' }
}

async function portCheck(config: Config, machine: Machine): Promise<Check> {
  const { port } = config.http
  if (port === 0) return ok('http', 'The engine takes any free port.')
  return (await machine.isListening(port))
    ? {
        name: 'http',
        status: 'warning',
        detail: `Something listens on 127.0.0.1:${port}.`,
        hint: 'If it is an engine of ccs (see ccs status), all is well; else change http.port.',
      }
    : ok('http', `Port ${port} is free; no engine runs there.`)
}

function ok(name: string, detail: string): Check {
  return { name, status: 'ok', detail }
}

function failed(name: string, detail: string, hint: string): Check {
  return { name, status: 'failed', detail, hint }
}
