import { withPiiKeys } from '../../app/privacy/pii.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { listKeys, type PiiKeysResult } from '../../domain/privacy/change-keys.ts'

export default class PiiLs extends CcsCommand<PiiKeysResult> {
  static override summary = 'List the keys of pseudonyms, without their secrets.'
  static override examples = ['<%= config.bin %> pii ls']
  static override flags = { target: targetFlag }

  async run(): Promise<PiiKeysResult> {
    const { flags } = await this.parse(PiiLs)
    const project = await this.loadProject(flags)
    const result = await withPiiKeys(project, { isChange: false }, listKeys)
    this.printTable(
      [
        { key: 'id', title: 'key', align: 'left' },
        { key: 'from', title: 'in force from', align: 'left' },
        { key: 'destroyed', align: 'left' },
      ],
      result.keys.map((one) => ({
        ...one,
        from: one.from ?? 'the beginning',
        destroyed: one.destroyed ?? '',
      })),
    )
    if (result.keys.length === 0) this.note('For the first keys: ccs pii rotate')
    return result
  }
}
