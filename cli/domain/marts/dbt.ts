/**
 * One run of dbt: a snapshot of committed Silver, dbt once for all nodes, the verdict, and after a green
 * whole build the new marts in the place of the old. A run that fails leaves the published marts as they are
 * and says why in marts.json.
 */

import { CcsError } from '../kernel/errors.ts'
import type { DbtTask } from './args.ts'
import { type MartsInfo, NO_MARTS, type Seen, type Since, sinceOf } from './marts.ts'
import type { DbtCounts, DbtFailure, DbtVerdict } from './results.ts'

/** Silver of one commit, in a directory that nothing changes. */
export interface Snapshot {
  /** Absolute; `<dir>/silver/<table>/*` + `/*.parquet`. */
  readonly dir: string
  /** Its name below marts/. */
  readonly name: string
  readonly serial: number
  readonly generation: number
  readonly committedMs: number | null
  readonly watermarkMs: number | null
  readonly seen: Seen
}

export interface DbtEnd {
  /** dbt's own exit code; null: it was ended. */
  readonly code: number | null
  /** undefined when dbt wrote no results: it failed before any node ran. */
  readonly verdict: DbtVerdict | undefined
  readonly version: string | null
  /** What dbt said last, as one sentence. */
  readonly lastWords: string
}

export interface DbtPorts {
  nowMs(): number
  /** A fresh snapshot, or with `isFresh` false the last one, if there is any. */
  snapshot(isFresh: boolean): Promise<Snapshot>
  run(
    args: readonly string[],
    what: { readonly snapshot: Snapshot; readonly since: string | null },
  ): Promise<DbtEnd>
  /** Replaces the published marts by what the warehouse holds; the names of their tables. */
  publish(): Promise<readonly string[]>
  info(): Promise<MartsInfo | undefined>
  seen(): Promise<Seen | undefined>
  /** Durable when it resolves; with `seen` what the next build compares with. */
  keep(info: MartsInfo, seen?: Seen): Promise<void>
  /** Removes all snapshots but these; the first is the published one. */
  sweep(names: readonly string[]): Promise<void>
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
  /** Earliest day that was built anew; null: all days, or those of the last 3 days when nothing was new. */
  readonly since: string | null
  readonly fullRefresh: boolean
  /** Serial of the Silver that was read. */
  readonly serial: number
  readonly seconds: number
  /** New marts are visible now. */
  readonly published: boolean
  /** The marts that are visible now; null: none yet. */
  readonly marts: MartsInfo | null
}

export async function runDbt(task: DbtTask, ports: DbtPorts): Promise<DbtResult> {
  const startedMs = ports.nowMs()
  const snapshot = await ports.snapshot(task.buildsModels)
  const since = await sinceFor(task, snapshot, ports)
  const isRefresh = since.kind === 'all' && task.buildsModels && task.command !== 'retry'
  const date = since.kind === 'from' ? since.date : null
  const end = await ports.run(argsOf(task, isRefresh), { snapshot, since: date })
  if (ports.isStopped()) throw stopped()
  const { verdict } = end
  const isGreen = end.code === 0 && (!task.runsNodes || verdict?.counts.failed === 0)
  const before = (await ports.info()) ?? NO_MARTS
  const lastRun = {
    ok: isGreen,
    startedMs,
    endedMs: ports.nowMs(),
    serial: snapshot.serial,
    message: isGreen ? null : (verdict?.failures[0]?.message ?? end.lastWords),
    failed: verdict?.failures.map((one) => one.name) ?? [],
  }
  const published = isGreen && task.isWhole
  let info: MartsInfo = before
  if (published) {
    info = await publish(snapshot, end.version, lastRun, ports)
  } else if (task.isWhole) {
    info = { ...before, ok: false, lastRun }
    await ports.keep(info)
  }
  if (task.buildsModels) await sweep(ports, [info.snapshot, snapshot.name, before.snapshot])
  if (!isGreen && (verdict === undefined || verdict.counts.failed === 0)) throw failed(task, end)
  return {
    ok: isGreen,
    command: task.command,
    nodes: verdict?.counts ?? { passed: 0, warned: 0, failed: 0, skipped: 0 },
    failures: verdict?.failures ?? [],
    warnings: verdict?.warnings ?? [],
    since: date,
    fullRefresh: isRefresh,
    serial: snapshot.serial,
    seconds: (ports.nowMs() - startedMs) / 1000,
    published,
    marts: info.builtMs === null ? null : info,
  }
}

async function sinceFor(task: DbtTask, snapshot: Snapshot, ports: DbtPorts): Promise<Since> {
  if (task.isFullRefresh) return { kind: 'all', why: '--full-refresh' }
  // What another database holds is not known here: its models look back by themselves.
  if (!task.isLocal) return { kind: 'from', date: null }
  return sinceOf(await ports.seen(), snapshot.seen)
}

async function publish(
  snapshot: Snapshot,
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
  await ports.keep(info, snapshot.seen)
  return info
}

/** Readers may still have the marts before these open: their views read the snapshot before this one. */
function sweep(ports: DbtPorts, names: readonly (string | null)[]): Promise<void> {
  return ports.sweep(names.flatMap((name) => (name === null ? [] : [name])))
}

/** A full refresh that ccs asks for goes behind the command's own words. */
function argsOf(task: DbtTask, isRefresh: boolean): readonly string[] {
  return isRefresh && !task.isFullRefresh ? [...task.args, '--full-refresh'] : task.args
}

function stopped(): CcsError {
  return new CcsError('CCS_DBT_STOPPED', 'Stopped: the marts are as they were.', {
    hint: 'ccs dbt build begins again where it has to.',
  })
}

/** dbt ended before it ran a node: its command line, its project, or the disk. */
function failed(task: DbtTask, end: DbtEnd): CcsError {
  if (/No space left on device/.test(end.lastWords))
    return new CcsError('CCS_DISK_FULL', `The disk is full: ${end.lastWords}`, {
      hint: 'Free some space, then: ccs dbt build. The last good marts stay visible.',
    })
  return new CcsError('CCS_DBT_FAILED', `dbt ${task.command}: ${end.lastWords}`, {
    exit: end.code === 2 ? 2 : 5,
    hint: `Mend it in dbt/; ccs dbt ${task.command} --debug says more.`,
  })
}
