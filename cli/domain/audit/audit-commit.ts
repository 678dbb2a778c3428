/** Audits one commit: first whether its files are as they were written, then every model's rows. */
import type { LakeFile, Manifest } from '../lake/manifest.ts'
import type { DamagedFile } from '../lake/verify.ts'
import type { EventLog } from '../log/event-log.ts'
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
  /** Whether offsets of the log may have holes, as on Kafka. */
  readonly hasOffsetHoles: boolean
  findDamagedFiles(): Promise<readonly DamagedFile[]>
  /** Runs `use` with the engine, which serves the rows of this commit. */
  withServed<T>(use: (served: AuditSql) => Promise<T>): Promise<T>
  readonly scratchFile: (name: string) => string
  readonly onProgress: (done: number, total: number) => void
}

const IDS_LISTED = 20
const NOTHING = { setAside: [], gaps: [] }

/** The report where nothing was committed yet. */
export const EMPTY_AUDIT: AuditReport = {
  ok: true,
  serial: null,
  asOf: null,
  models: [],
  faults: [],
  setAside: [],
  gaps: [],
}

/** Damaged files end the audit: rows read from them would say nothing about the models. */
export async function auditCommit(
  commit: AuditedCommit,
  ports: CommitAuditPorts,
): Promise<AuditReport> {
  const { manifest, logic, timezone, pathOf } = commit
  const { serial, committedMs, gaps = [] } = manifest
  const head = { serial, asOf: new Date(committedMs).toISOString() }
  const damaged = await ports.findDamagedFiles()
  if (damaged.length > 0)
    return { ok: false, ...head, models: [], faults: listFileFaults(damaged), ...NOTHING }
  const tally = new Map<string, number>()
  const { models, faults } = await ports.withServed(async (served) => {
    await served.run('USE memory')
    await served.run(`SET VARIABLE now_ms = ${committedMs}::BIGINT`)
    return audit({
      ...{ plain: ports.plain, served, scratchFile: ports.scratchFile },
      logic: makeAuditLogic(logic, { timezone, nowMs: committedMs }),
      log: await readLogInput(commit, ports, tally),
      tables: groupByTable(manifest.files.map((one) => ({ table: one.table, path: pathOf(one) }))),
      onProgress: ports.onProgress,
    })
  })
  const ok = faults.length === 0 && models.every(({ remainder }) => remainder === 0)
  const setAside = [...tally].sort().map(([model, count]) => ({ model, count }))
  return { ok, ...head, models, faults, setAside, gaps }
}

async function readLogInput(
  { manifest, logic }: AuditedCommit,
  { log, hasOffsetHoles }: CommitAuditPorts,
  tally: Map<string, number>,
): Promise<AuditLogInput> {
  const { dlqEnd } = manifest
  const startOf = async (partition: number) => (await log.range(RAW_TOPIC, partition)).start
  return {
    topic: RAW_TOPIC,
    ranges: await readCommittedRanges(RAW_TOPIC, manifest, startOf),
    rejects: countModels(readRejectSources(log, logic.dlqSchemas, dlqEnd), tally),
    dlqEnd,
    dlqKept: await log.range(DLQ_TOPIC, ENGINE_PARTITION),
    ...(hasOffsetHoles ? { kept: (range) => readKeptRanges(log, range) } : {}),
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
