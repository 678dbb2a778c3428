/**
 * One run of dbt: take a snapshot of committed Silver, run dbt once for all nodes, read the
 * outcome, and after a successful whole build replace the published marts. A failed run leaves
 * them unchanged and records the reason in marts.json.
 */

import { CcsError } from '../kernel/errors.ts'
import type { DbtTask } from './dbt-args.ts'
import type { DbtCounts, DbtFailure, DbtOutcome } from './dbt-results.ts'
import {
  type BuildInput,
  findRebuildRange,
  type MartsInfo,
  NO_MARTS,
  type RebuildRange,
} from './marts.ts'

/** Silver as of one commit, in a directory that nobody changes. */
export interface SilverSnapshot {
  /** Absolute; `<dir>/silver/<table>/*` + `/*.parquet`. */
  readonly dir: string
  /** Its name below marts/. */
  readonly name: string
  readonly serial: number
  readonly generation: number
  readonly committedMs: number | null
  readonly watermarkMs: number | null
  readonly input: BuildInput
}

/** How a run of dbt ended. */
export interface DbtExit {
  /** dbt's own exit code; null: it was killed by a signal. */
  readonly code: number | null
  /** undefined when dbt wrote no results: it failed before any node ran. */
  readonly outcome: DbtOutcome | undefined
  readonly version: string | null
  /** dbt's last message, as one sentence. */
  readonly lastMessage: string
}

/** What a run of dbt needs from its surroundings. */
export interface DbtPorts {
  nowMs(): number
  /** Takes a new snapshot; with `isFresh` false it reuses the last one, if there is any. */
  snapshot(isFresh: boolean): Promise<SilverSnapshot>
  run(
    args: readonly string[],
    what: { readonly snapshot: SilverSnapshot; readonly since: string | null },
  ): Promise<DbtExit>
  /** Replaces the published marts by the warehouse's content; returns their table names. */
  publish(): Promise<readonly string[]>
  info(): Promise<MartsInfo | undefined>
  lastInput(): Promise<BuildInput | undefined>
  /** Writes marts.json durably, and with `seen` the input that the next build compares with. */
  saveInfo(info: MartsInfo, seen?: BuildInput): Promise<void>
  /** Removes all snapshots except these; the first is the published one. */
  removeSnapshots(names: readonly string[]): Promise<void>
  isStopped(): boolean
}

/** What `ccs dbt … --json` prints. */
export interface DbtResult {
  readonly ok: boolean
  /** As dbt knows it, e.g. `build`. */
  readonly command: string
  readonly nodes: DbtCounts
  readonly failures: readonly DbtFailure[]
  readonly warnings: readonly DbtFailure[]
  /** First day that was rebuilt; null: all days, or the last 3 if nothing was new. */
  readonly since: string | null
  readonly fullRefresh: boolean
  /** Serial of the Silver that was read; null on a server, which has a Silver of its own. */
  readonly serial: number | null
  readonly seconds: number
  /** New marts are visible now. */
  readonly published: boolean
  /** The marts that are visible now; null: none yet. */
  readonly marts: MartsInfo | null
}

/** Throws CCS_DBT_STOPPED if stopped, and CCS_DBT_FAILED if dbt failed before it ran a node. */
export async function runDbt(task: DbtTask, ports: DbtPorts): Promise<DbtResult> {
  const startedMs = ports.nowMs()
  const snapshot = await ports.snapshot(task.buildsModels)
  const since = await chooseRange(task, snapshot, ports)
  const isRefresh = since.kind === 'all' && task.buildsModels && task.command !== 'retry'
  const date = since.kind === 'from' ? since.date : null
  const end = await ports.run(withFullRefresh(task, isRefresh), { snapshot, since: date })
  if (ports.isStopped()) throw dbtStoppedError()
  const { outcome } = end
  const isGreen = end.code === 0 && (!task.runsNodes || outcome?.counts.failed === 0)
  const before = (await ports.info()) ?? NO_MARTS
  const lastRun = {
    ok: isGreen,
    startedMs,
    endedMs: ports.nowMs(),
    serial: snapshot.serial,
    message: isGreen ? null : (outcome?.failures[0]?.message ?? end.lastMessage),
    failed: outcome?.failures.map((one) => one.name) ?? [],
  }
  const published = isGreen && task.isWhole
  let info: MartsInfo = before
  if (published) {
    info = await publish(snapshot, end.version, lastRun, ports)
  } else if (task.isWhole) {
    info = { ...before, ok: false, lastRun }
    await ports.saveInfo(info)
  }
  if (task.buildsModels)
    await removeOldSnapshots(ports, [info.snapshot, snapshot.name, before.snapshot])
  if (!isGreen && (outcome === undefined || outcome.counts.failed === 0))
    throw dbtFailedError(task, end)
  return {
    ok: isGreen,
    command: task.command,
    nodes: outcome?.counts ?? { passed: 0, warned: 0, failed: 0, skipped: 0 },
    failures: outcome?.failures ?? [],
    warnings: outcome?.warnings ?? [],
    since: date,
    fullRefresh: isRefresh,
    serial: snapshot.serial,
    seconds: (ports.nowMs() - startedMs) / 1000,
    published,
    marts: info.builtMs === null ? null : info,
  }
}

async function chooseRange(
  task: DbtTask,
  snapshot: SilverSnapshot,
  ports: DbtPorts,
): Promise<RebuildRange> {
  if (task.isFullRefresh) return { kind: 'all', why: '--full-refresh' }
  // ccs doesn't know what another database holds: its models find out by themselves.
  if (!task.isLocal) return { kind: 'from', date: null }
  return findRebuildRange(await ports.lastInput(), snapshot.input)
}

async function publish(
  snapshot: SilverSnapshot,
  dbtVersion: string | null,
  lastRun: NonNullable<MartsInfo['lastRun']>,
  ports: DbtPorts,
): Promise<MartsInfo> {
  const models = await ports.publish()
  const { serial, generation, watermarkMs, committedMs, name } = snapshot
  const info: MartsInfo = {
    format: NO_MARTS.format,
    ok: true,
    serial,
    generation,
    watermarkMs,
    committedMs,
    builtMs: ports.nowMs(),
    dbtVersion,
    snapshot: name,
    models,
    lastRun,
  }
  await ports.saveInfo(info, snapshot.input)
  return info
}

/** Keeps the snapshot before this one: readers may still have the previous marts open. */
function removeOldSnapshots(ports: DbtPorts, names: readonly (string | null)[]): Promise<void> {
  return ports.removeSnapshots(names.flatMap((name) => (name === null ? [] : [name])))
}

/** dbt expects --full-refresh after its command. */
function withFullRefresh(task: DbtTask, isRefresh: boolean): readonly string[] {
  return isRefresh && !task.isFullRefresh ? [...task.args, '--full-refresh'] : task.args
}

/** The error of a run, or an installation, that was interrupted. */
export function dbtStoppedError(): CcsError {
  return new CcsError('CCS_DBT_STOPPED', 'Stopped. The published marts are unchanged.', {
    hint: 'Run ccs dbt build again; it resumes where it has to.',
  })
}

/** dbt ended before it ran a node: a wrong command line, a broken project, or a full disk. */
export function dbtFailedError(task: DbtTask, end: DbtExit): CcsError {
  if (/No space left on device/.test(end.lastMessage))
    return new CcsError('CCS_DISK_FULL', `The disk is full: ${end.lastMessage}`, {
      hint: 'Free some space, then: ccs dbt build. The last good marts stay visible.',
    })
  return new CcsError('CCS_DBT_FAILED', `dbt ${task.command}: ${end.lastMessage}`, {
    exit: end.code === 2 ? 2 : 5,
    hint: `Fix it in dbt/; ccs dbt ${task.command} --debug prints more.`,
  })
}
