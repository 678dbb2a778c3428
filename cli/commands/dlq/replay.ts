import { Flags } from '@oclif/core'
import { openReplay } from '../../app/dlq.ts'
import { recordCommand } from '../../app/store.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { type ReplayResult, replayRejects } from '../../domain/dlq/replay-rejects.ts'
import { formatCount } from '../../domain/kernel/units.ts'

export default class DlqReplay extends CcsCommand<ReplayResult> {
  static override summary = 'Send rejects again, fixed by a patch, exactly once.'
  static override description =
    'Reads rejects again, applies the patch, validates them with the pipeline’s own checks and ' +
    'appends those that pass to events.raw. The others stay in events.dlq. The log records what ' +
    'was sent: after a stop or a kill, the same command continues there and sends nothing twice.'
  static override examples = [
    '<%= config.bin %> dlq replay f3a91c02 --patch "quantity = greatest(quantity, 1)" --dry-run',
    '<%= config.bin %> dlq replay --reason missing_field --patch "currency = \'EUR\'"',
    '<%= config.bin %> dlq replay --reason too_far_in_future --patch "event_ts = first_seen" ' +
      '--rate 500',
    '<%= config.bin %> dlq replay --reason unknown_schema_id --as-schema 1',
  ]
  static override strict = false
  static override usage = 'dlq replay [FINGERPRINT | PARTITION:OFFSET …] [FLAGS]'
  static override flags = {
    target: targetFlag,
    reason: Flags.string({ helpValue: 'CODE', summary: 'Only rejects with this reason code.' }),
    where: Flags.string({
      helpValue: 'SQL',
      summary:
        'Only rejects for which this predicate holds, over columns of the reject and fields of ' +
        'its event; see docs/dlq.md.',
    }),
    patch: Flags.string({
      helpValue: 'SQL',
      summary: 'Assignments: field = expression, …; items.quantity = … for each entry of a list.',
    }),
    'as-schema': Flags.integer({
      min: 0,
      helpValue: 'ID',
      summary: 'Decode the bytes by the schema with this id, whatever id they carry.',
    }),
    'dry-run': Flags.boolean({ summary: 'Count and show each change; write nothing.' }),
    rate: Flags.integer({ min: 1, helpValue: 'N', summary: 'Events per second, at most.' }),
    limit: Flags.integer({ min: 1, helpValue: 'N', summary: 'Events to send, at most.' }),
  }

  async run(): Promise<ReplayResult> {
    const { argv, flags } = await this.parse(DlqReplay)
    const project = await this.loadProject(flags)
    const signal = this.abortOnSignal()
    const { reason, where, patch, rate, limit } = flags
    const open = await openReplay(project, {
      ...(where === undefined ? {} : { where }),
      ...(patch === undefined ? {} : { patch }),
      ...(rate === undefined ? {} : { rate }),
      ...(flags['as-schema'] === undefined ? {} : { asSchema: flags['as-schema'] }),
      isDryRun: flags['dry-run'],
      signal,
      onAppended: (events) => {
        if (rate !== undefined) this.statusLine(`${formatCount(events)} events sent`)
      },
    })
    try {
      const progress = this.progress('reading')
      const replay = () =>
        replayRejects(open, {
          refs: argv.map(String),
          signal,
          onProgress: (done, total) => progress.update(done, total),
          ...(reason === undefined ? {} : { reason }),
          ...(limit === undefined ? {} : { limit }),
        })
      const result = await (flags['dry-run'] ? replay() : recordCommand(project, this, replay))
      progress.end()
      this.#show(result)
      return result
    } finally {
      await open.close()
    }
  }

  #show(result: ReplayResult): void {
    const { selected, passed, replayed, rejected, replayedBefore, refused, isDryRun } = result
    if (selected === 0) this.print('No such reject.')
    const line = (count: number, what: string) => {
      if (count > 0) this.print(`${formatCount(count).padStart(9)}  ${what}`)
    }
    line(selected, 'rejects read')
    line(isDryRun ? passed : replayed, isDryRun ? 'would be sent' : 'sent to events.raw')
    if (!isDryRun) line(passed - replayed, 'pass and were not sent yet')
    line(rejected, `stay rejected: ${countsText(result.reasons)}`)
    line(replayedBefore, 'were sent before')
    line(refused, 'were sent and rejected too often; not sent again')
    for (const { reject, eventId, before, after } of isDryRun ? result.samples : []) {
      this.print()
      this.print(`${reject}  ${eventId}`)
      for (const [name, value] of Object.entries(after)) {
        this.print(`  - ${name} = ${JSON.stringify(before[name])}`)
        this.print(`  + ${name} = ${JSON.stringify(value)}`)
      }
    }
    if (result.failures.length > 0) this.print()
    for (const { reject, reason, message } of result.failures)
      this.print(`${reject}  ${reason}: ${message}`)
    if (isDryRun) this.note('A dry run: nothing was written.')
    if (result.isStopped) this.note('Stopped; the same command continues from here.')
  }
}

function countsText(reasons: Readonly<Record<string, number>>): string {
  return Object.entries(reasons)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${reason} ${formatCount(count)}`)
    .join(', ')
}
