import { Args, Flags } from '@oclif/core'
import { withPiiKeys } from '../../app/privacy/pii.ts'
import { recordCommand } from '../../app/store.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { EXIT } from '../../domain/kernel/errors.ts'
import { type PiiKeysResult, removeKey } from '../../domain/privacy/change-keys.ts'

export default class PiiDestroy extends CcsCommand<PiiKeysResult> {
  static override summary = 'Destroy a key: its pseudonyms can be led back to nobody any more.'
  static override description =
    'Rows keep their pseudonyms. Whoever still has the events of that time in the log, or a copy ' +
    'of the file of keys, can lead them back: remove those too. If rows are made again later, ' +
    'events of that time get the pseudonyms of another key. Exit code 3: it was not confirmed.'
  static override examples = ['<%= config.bin %> pii destroy hash-1']
  static override args = {
    key: Args.string({ required: true, description: 'A key, as ccs pii ls names it.' }),
  }
  static override flags = {
    yes: Flags.boolean({ char: 'y', summary: 'Do not ask.' }),
    target: targetFlag,
  }

  async run(): Promise<PiiKeysResult> {
    const { args, flags } = await this.parse(PiiDestroy)
    const project = await this.loadProject(flags)
    const confirm = async () => flags.yes || (await this.confirm('Destroy it for ever?'))
    const result = await recordCommand(project, this, () =>
      withPiiKeys(project, { isChange: true }, (ports) => removeKey(ports, args.key, confirm)),
    )
    if (!result.applied) {
      this.note('Nothing was changed. To do it, add --yes to this command.')
      this.exitWith(EXIT.changes)
      return result
    }
    this.print(`${args.key} is destroyed: its pseudonyms can't be computed any more.`)
    this.print(
      'Events of its time that are still in the log have their ids as they came: see ' +
        'retention.events.raw in ccs.yml, and ccs prune. So do backups and copies of the keys.',
    )
    return result
  }
}
