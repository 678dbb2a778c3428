import { Flags } from '@oclif/core'
import { repairProjectLog } from '../../app/log.ts'
import { recordCommand } from '../../app/store.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import type { LogRepairResult, PartitionRepair } from '../../domain/dlq/plan-log-repair.ts'
import { EXIT } from '../../domain/kernel/errors.ts'
import { formatBytes, formatCount } from '../../domain/kernel/units.ts'
import { describeDamage } from '../../domain/log/log-report.ts'

export default class LogRepair extends CcsCommand<LogRepairResult> {
  static override summary = 'Repair a damaged log: bring back what Bronze has, skip the rest.'
  static override description =
    'Shows the plan first. Records of events.raw that were committed are made again from Bronze ' +
    'and events.dlq, also those before the first segment; what can be found nowhere is skipped, ' +
    'so that everything behind it can be read again, and counted by `ccs audit`. A damaged file ' +
    'stays beside the new one as *.damaged. Nothing else may run on the data directory. Exit ' +
    'code 3: there is something to repair, and it was not confirmed.'
  static override examples = [
    '<%= config.bin %> log repair',
    '<%= config.bin %> log repair --yes --json',
    '<%= config.bin %> log repair --pruned',
  ]

  static override flags = {
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask.' }),
    pruned: Flags.boolean({
      summary: 'Also bring back records that retention removed, as a rebuild needs them.',
    }),
    target: targetFlag,
  }

  async run(): Promise<LogRepairResult> {
    const { flags } = await this.parse(LogRepair)
    const project = await this.loadProject(flags)
    const progress = this.progress('verifying')
    const confirm = async (plan: LogRepairResult) => {
      progress.end()
      this.#show(plan)
      return flags.yes || (await this.confirm('Repair it?'))
    }
    const result = await recordCommand(project, this, () =>
      repairProjectLog(
        project,
        (done, total) => progress.update(done, total),
        confirm,
        flags.pruned,
      ),
    )
    progress.end()
    this.#finish(result)
    return result
  }

  #show({ partitions, withoutBronze }: LogRepairResult): void {
    for (const plan of partitions) this.#showPartition(plan)
    if (withoutBronze !== null) this.print(`Bronze can't give back everything: ${withoutBronze}.`)
  }

  #showPartition({ topic, partition, damage, restoredBefore, restored, lost }: PartitionRepair) {
    const bytes = damage.reduce((sum, one) => sum + one.bytes, 0)
    this.print(`${topic}-${partition}`)
    if (restoredBefore > 0)
      this.print(`  the log begins with record ${formatCount(restoredBefore)}`)
    for (const one of damage) this.print(`  ${describeDamage(one)}`)
    this.print(
      `  brought back: ${formatCount(restored)} records; lost: ${formatCount(lost)} records at ` +
        `most; ${formatBytes(bytes)} damaged`,
    )
  }

  #finish({ applied, partitions }: LogRepairResult): void {
    if (partitions.length === 0) {
      this.print('Nothing to repair: every record of the log can be read.')
      return
    }
    if (!applied) {
      this.note('Nothing was changed. To repair it: ccs log repair --yes')
      this.exitWith(EXIT.changes)
      return
    }
    for (const { topic, partition, restored, lost, kept } of partitions) {
      this.print(
        `${topic}-${partition}: ${formatCount(restored)} records are back, ` +
          `${formatCount(lost)} are given up.`,
      )
      for (const file of kept) this.print(`  the damaged file is now ${file}`)
    }
    this.note('To check what that means for the models: ccs audit')
  }
}
