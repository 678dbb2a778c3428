/** Audits one commit: first whether its files are as they were written, then every model's rows. */
import { greatest } from '../kernel/lists.ts'
import { listCommittedEnds } from '../lake/committed-ends.ts'
import type { DamagedFile } from '../lake/damage.ts'
import type { LakeFile, Manifest, Pruned } from '../lake/manifest.ts'
import type { EventLog } from '../log/event-log.ts'
import type { CommittedEnd, PartitionReport } from '../log/log-report.ts'
import { DLQ_TOPIC, ENGINE_PARTITION, RAW_TOPIC } from '../log/topics.ts'
import type { Logic } from '../models/logic.ts'
import { type AuditReport, audit } from './audit.ts'
import { type AuditSql, groupByTable, makeAuditLogic } from './catalog.ts'
import {
  type AuditFault,
  type AuditLogInput,
  type RejectSource,
  readCommittedRanges,
} from './log-accounts.ts'
import { readKeptRanges, readRejectSources } from './log-sources.ts'
import { judgeLog, type LogState } from './log-state.ts'

/** A commit whose files stay as they are during the audit. */
export interface AuditedCommit {
  readonly manifest: Manifest
  /** Path of a file of the lake; '' if it is gone. */
  readonly pathOf: (file: LakeFile) => string
  readonly logic: Logic
  readonly timezone: string
}

/** What an audit of a commit reads with. */
export interface CommitAuditPorts {
  /** An empty DuckDB of the audit's own. */
  readonly plain: AuditSql
  readonly log: EventLog
  /** Reads and checks all of a log on disk; absent: offsets may have holes, as on Kafka. */
  readonly checkLog?: (committed: readonly CommittedEnd[]) => Promise<readonly PartitionReport[]>
  /** What retention has removed by now; absent: it never removes anything. */
  readonly readPruned?: () => Promise<Pruned | undefined>
  findDamagedFiles(): Promise<readonly DamagedFile[]>
  /** Runs `use` with the engine, which serves the rows of this commit. */
  withServed<T>(use: (served: AuditSql) => Promise<T>): Promise<T>
  readonly scratchFile: (name: string) => string
  readonly onProgress: (done: number, total: number) => void
}

const IDS_LISTED = 20
const NOTHING = { setAside: [], gaps: [], remarks: [] }

/** The report where nothing was committed yet. */
export const EMPTY_AUDIT: AuditReport = {
  ok: true,
  serial: null,
  asOf: null,
  models: [],
  faults: [],
  setAside: [],
  gaps: [],
  log: [],
  remarks: [],
}

/** Damaged files end the audit: rows read from them would say nothing about the models. */
export async function auditCommit(
  commit: AuditedCommit,
  ports: CommitAuditPorts,
): Promise<AuditReport> {
  const { manifest, logic, timezone, pathOf } = commit
  const { serial, committedMs, gaps = [] } = manifest
  // Retention may remove more while the audit runs; newer manifests say so.
  const readPruned = async () => [manifest.pruned, await ports.readPruned?.()] as const
  const head = { serial, asOf: new Date(committedMs).toISOString() }
  // Rejects that are gone from the end are a fault of their own, below.
  const ends = listCommittedEnds(manifest).filter(({ topic }) => topic !== DLQ_TOPIC)
  const reports = await ports.checkLog?.(ends)
  const { log, faults: logFaults } = reports
    ? judgeLog(reports, { ...manifest, pruned: (await readPruned()).at(-1) })
    : { log: await readLogStates(ports.log, manifest), faults: [] }
  const damaged = await ports.findDamagedFiles()
  const isUnreadable = reports?.some((one) => one.topic === DLQ_TOPIC && one.damage.length > 0)
  if (damaged.length > 0 || isUnreadable) {
    const found = [...listFileFaults(damaged), ...logFaults]
    return { ok: false, ...head, models: [], faults: found, ...NOTHING, log }
  }
  const tally = new Map<string, number>()
  const { models, faults: others } = await ports.withServed(async (served) => {
    await served.run('USE memory')
    await served.run(`SET VARIABLE now_ms = ${committedMs}::BIGINT`)
    return audit({
      ...{ plain: ports.plain, served, scratchFile: ports.scratchFile },
      logic: makeAuditLogic(logic, { timezone, nowMs: committedMs }),
      log: await readLogInput(commit, ports, { tally, reports, readPruned }),
      tables: groupByTable(manifest.files.map((one) => ({ table: one.table, path: pathOf(one) }))),
      onProgress: ports.onProgress,
    })
  })
  const faults = [...logFaults, ...others]
  const ok = faults.length === 0 && models.every(({ remainder }) => remainder === 0)
  const setAside = [...tally].sort().map(([model, count]) => ({ model, count }))
  return { ok, ...head, models, faults, setAside, gaps, log, remarks: [] }
}

/** Of a log that ccs does not keep itself. */
function readLogStates(log: EventLog, { positions }: Manifest): Promise<readonly LogState[]> {
  const own = positions.filter(({ topic }) => topic === RAW_TOPIC)
  return Promise.all(
    own.map(async ({ topic, partition }) => {
      const range = await log.range(topic, partition)
      return { topic, partition, ...range, since: null, pruned: 0, ...NOTHING_LOST }
    }),
  )
}

async function readLogInput(
  { manifest, logic }: AuditedCommit,
  { log }: CommitAuditPorts,
  {
    tally,
    reports,
    readPruned,
  }: {
    readonly tally: Map<string, number>
    readonly reports: readonly PartitionReport[] | undefined
    readonly readPruned: () => Promise<readonly (Pruned | undefined)[]>
  },
): Promise<AuditLogInput> {
  const { dlqEnd, gaps = [] } = manifest
  const own = reports?.filter(({ topic }) => topic === RAW_TOPIC)
  const startOf = async (partition: number) =>
    own
      ? (own.find((one) => one.partition === partition)?.start ?? 0)
      : (await log.range(RAW_TOPIC, partition)).start
  const lost = (own ?? []).flatMap((one) =>
    one.lost.map(({ from, to }) => ({ partition: one.partition, from, to })),
  )
  return {
    topic: RAW_TOPIC,
    ranges: await readCommittedRanges(RAW_TOPIC, manifest, startOf, own !== undefined),
    // Where offsets may have holes, only those that the log still has are looked for.
    lost: own ? [...lost, ...gaps.filter(({ why }) => why === 'given up')] : [],
    rejects: countModels(readRejectSources(log, logic.dlqSchemas, dlqEnd), tally),
    dlqEnd,
    dlqKept: await log.range(DLQ_TOPIC, ENGINE_PARTITION),
    countPrunedRejects: async () => greatest((await readPruned()).map((one) => one?.rejects ?? 0)),
    ...(own ? {} : { kept: (range) => readKeptRanges(log, range) }),
  }
}

/** Passes rejects on; counts by model those that a model failed on. */
async function* countModels(
  rejects: AuditLogInput['rejects'],
  tally: Map<string, number>,
): AsyncGenerator<readonly (RejectSource | undefined)[]> {
  for await (const some of rejects) {
    for (const one of some)
      if (one && one.model !== null) tally.set(one.model, (tally.get(one.model) ?? 0) + 1)
    yield some
  }
}

function listFileFaults(damaged: readonly DamagedFile[]): readonly AuditFault[] {
  const byFault = new Map<string, string[]>()
  for (const { file, fault } of damaged) byFault.set(fault, [...(byFault.get(fault) ?? []), file])
  return [...byFault].map(([fault, ids]) => {
    return { model: 'files', check: fault, count: ids.length, ids: ids.slice(0, IDS_LISTED) }
  })
}

const NOTHING_LOST = { lost: 0, erased: 0 }
