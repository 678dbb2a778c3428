import { compressProjectLog } from '../../app/compress-log.ts'
import { recordCommand } from '../../app/store.ts'
import { CcsCommand, targetFlag } from '../../command.ts'
import { formatBytes, formatCount } from '../../domain/kernel/units.ts'
import type { CompressResult } from '../../domain/lake/compress-log.ts'

export default class LogCompress extends CcsCommand<CompressResult> {
  static override summary = 'Compress the closed files of the log, to a quarter or less.'
  static override description =
    'Compresses each segment that another one follows and whose records are committed, in ' +
    'blocks with checksums. All records keep their offsets, and every command reads them as ' +
    'before. A running engine does the same by itself while it is idle, unless ' +
    '`log.compression` in ccs.yml is `none`. An older ccs refuses the data directory afterwards.'
  static override examples = [
    '<%= config.bin %> log compress',
    '<%= config.bin %> log compress --json',
  ]

  static override flags = { target: targetFlag }

  async run(): Promise<CompressResult> {
    const { flags } = await this.parse(LogCompress)
    const project = await this.loadProject(flags)
    const progress = this.progress('compressing')
    const result = await recordCommand(project, this, () =>
      compressProjectLog(project, (done, total) => progress.update(done, total)),
    )
    progress.end()
    this.#finish(result)
    return result
  }

  #finish({ segments, bytesBefore, bytesAfter, damaged }: CompressResult): void {
    const files = segments === 1 ? '1 file' : `${formatCount(segments)} files`
    if (segments > 0)
      this.print(`Compressed ${files}: ${formatBytes(bytesBefore)} to ${formatBytes(bytesAfter)}.`)
    else this.print('Nothing to compress: no closed file of committed records is left.')
    if (damaged > 0)
      this.note(`${formatCount(damaged)} files are damaged and stay as they are: ccs log verify`)
  }
}
