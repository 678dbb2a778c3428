import { Flags } from '@oclif/core'
import { withPiiKeys } from '../../app/privacy/pii.ts'
import { recordCommand } from '../../app/store.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { requireDay } from '../../domain/kernel/time-argument.ts'
import { addKey, type PiiKeysResult } from '../../domain/privacy/change-keys.ts'

export default class PiiRotate extends CcsCommand<PiiKeysResult> {
  static override summary = 'Let a new key of pseudonyms follow, from a day of the shop on.'
  static override description =
    'Makes the first keys if there are none. From the begin of that day, by the time of events, ' +
    'fields with the class `hash` get other pseudonyms; rows of earlier days stay as they are, ' +
    'also in a rebuild. The day must be after all events that have rows; by default it is the ' +
    'first one after today and after them. No engine may run on the data directory.'
  static override examples = [
    '<%= config.bin %> pii rotate',
    '<%= config.bin %> pii rotate --from 2026-12-01',
  ]
  static override flags = {
    from: Flags.string({ summary: 'Day of the shop, such as 2026-12-01.', helpValue: 'DAY' }),
    target: targetFlag,
  }

  async run(): Promise<PiiKeysResult> {
    const { flags } = await this.parse(PiiRotate)
    const project = await this.loadProject(flags)
    const day = flags.from === undefined ? undefined : Date.parse(requireDay(flags.from)) / DAY_MS
    const result = await recordCommand(project, this, () =>
      withPiiKeys(project, { isChange: true }, (ports) =>
        addKey(ports, day === undefined ? undefined : ports.dayBeginMs(day)),
      ),
    )
    const from = result.keys.findLast((one) => one.class === 'hash')?.from
    this.print(
      from
        ? `The new key is in force from ${from}, by the time of events.`
        : `The first keys are in ${result.file}: keep a copy where secrets are kept.`,
    )
    return result
  }
}

const DAY_MS = 86_400_000
