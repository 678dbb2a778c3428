/** `ccs lake verify --repair`: finds damage, makes the log whole, and has rows made again. */
import type { Manifest } from '../lake/manifest.ts'
import type { VerifyResult } from '../lake/verify.ts'
import type { PartitionReport } from '../log/log-report.ts'
import type { RecordRestorer } from '../log/restored-record.ts'
import { type LakeRepair, listBronzeDays, lossError, planRowRepair } from './plan-lake-repair.ts'
import { type PartitionRepair, planLogRepair } from './plan-log-repair.ts'

/** The `--json` document of `ccs lake verify --repair`. */
export interface LakeRepairResult extends VerifyResult {
  /** null: nothing is damaged. */
  readonly repair: LakeRepair | null
}

/** A data directory that nobody else works on. */
export interface LakeRepairPorts {
  verify(): Promise<VerifyResult>
  load(): Promise<Manifest | undefined>
  /** undefined where another system keeps the log: it can't be repaired then. */
  readonly log?: {
    check(): Promise<readonly PartitionReport[]>
    withRestorer<T>(use: (restorer: RecordRestorer) => Promise<T>): Promise<T>
    repair(
      plans: readonly PartitionRepair[],
      restorer: RecordRestorer,
    ): Promise<readonly PartitionRepair[]>
  }
  /** Committed records that the log lacks even after these repairs. */
  countLost(manifest: Manifest, plans: readonly PartitionRepair[]): Promise<number>
  makeRows(manifest: Manifest, plan: LakeRepair): Promise<void>
}

/** What may be done. */
export interface LakeRepairRun {
  /** Records that are found nowhere may be given up. */
  readonly mayLoseRows: boolean
  readonly confirm: (result: LakeRepairResult) => Promise<boolean>
}

/**
 * Verifies the lake and, if something is damaged and `confirm` says yes, repairs it; after a crash
 * at any step it can be repeated. The result is of a check before the repair, or after it. Throws
 * CCS_LAKE_DAMAGED, with nothing changed, if records are lost and that is not allowed.
 */
export async function repairLake(
  ports: LakeRepairPorts,
  run: LakeRepairRun,
): Promise<LakeRepairResult> {
  const found = await ports.verify()
  const manifest = await ports.load()
  if (found.ok || !manifest) return { ...found, repair: null }
  const rows = planRowRepair(manifest, found.damaged)
  const plan = async (log: readonly PartitionRepair[]): Promise<LakeRepair> => {
    const lost = rows.from === 'silver' ? 0 : await ports.countLost(manifest, log)
    const lostDays = lost === 0 ? [] : listBronzeDays(manifest.files, found.damaged)
    const whole = { ...rows, applied: false, log, lost, lostDays }
    if (lost > 0 && !run.mayLoseRows) throw lossError(whole)
    return whole
  }
  const apply = async (
    planned: LakeRepair,
    repairLog: () => Promise<readonly PartitionRepair[]>,
  ): Promise<LakeRepairResult> => {
    if (!(await run.confirm({ ...found, repair: planned }))) return { ...found, repair: planned }
    const done = { ...planned, log: await repairLog() }
    await ports.makeRows(manifest, done)
    return { ...(await ports.verify()), repair: { ...done, applied: true } }
  }
  const { log } = ports
  if (rows.from === 'silver' || !log) return apply(await plan([]), async () => [])
  const reports = await log.check()
  return log.withRestorer(async (restorer) => {
    const planned = await plan(await planLogRepair(reports, restorer))
    return apply(planned, () => log.repair(planned.log, restorer))
  })
}
