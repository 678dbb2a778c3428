import { Flags } from '@oclif/core'
import { followProjectLake, type PushResult, pushProjectLake } from '../../app/copy/push.ts'
import { recordCommand } from '../../app/store.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { formatBytes, formatCount } from '../../domain/kernel/units.ts'

export default class LakePush extends CcsCommand<PushResult | null> {
  static override summary = 'Upload what the copy of the lake on S3 lacks, and make it visible.'
  static override description =
    'The bucket is lake.s3 of ccs.yml; credentials come from the environment, as for every tool ' +
    'of AWS. A running engine (`ccs up`, `ccs run`) uploads each commit by itself. What was ' +
    'interrupted goes on where it was. Files that no commit names any more are removed after ' +
    'lake.keep.'
  static override examples = ['<%= config.bin %> lake push', '<%= config.bin %> lake push --follow']

  static override flags = {
    target: targetFlag,
    follow: Flags.boolean({ summary: 'Upload each commit, until Ctrl-C.' }),
    repair: Flags.boolean({
      summary: 'Check all files there too, and upload those again that are damaged or missing.',
      exclusive: ['follow'],
    }),
    'take-over': Flags.boolean({
      summary: 'Replace the copy of another data directory, such as the one before a restore.',
      exclusive: ['follow'],
    }),
    'with-parent': Flags.boolean({
      summary: 'End when stdin does.',
      hidden: true,
      dependsOn: ['follow'],
    }),
  }

  async run(): Promise<PushResult | null> {
    const { flags } = await this.parse(LakePush)
    const project = await this.loadProject(flags)
    const signal = this.abortOnSignal()
    if (flags.follow) {
      const onNotice = (text: string) => this.note(text)
      const hasParent = flags['with-parent']
      await followProjectLake(project, { hasParent, onNotice }, signal)
      return null
    }
    const options = { isTakenOver: flags['take-over'], isChecked: flags.repair }
    const run = { owner: 'ccs lake push', signal, ...options }
    const push = () => pushProjectLake(project, run)
    const result = run.isTakenOver ? await recordCommand(project, this, push) : await push()
    const { address, serial, files, uploadedFiles, uploadedBytes, removedFiles } = result
    this.print(
      serial === null
        ? 'Nothing was committed yet.'
        : `${address} has commit no. ${serial}: ${formatCount(files)} files. Uploaded ` +
            `${formatCount(uploadedFiles)} (${formatBytes(uploadedBytes)}), ` +
            `removed ${formatCount(removedFiles)}.`,
    )
    return result
  }
}
