/** Composition of the processes that upload and publish commits beside an engine. */
import type { Companion } from '../../adapters/process/companion.ts'
import type { CopyStatus } from '../../domain/lake/s3/copy-status.ts'
import type { Project } from '../../project.ts'

/** Time for the last commit; what is not done then is done at the next start. */
const END_MS = 30_000

/** Uploads and publishes each commit of the engine that runs here, as ccs.yml says. */
export async function keepCopies(
  project: Project,
  onNotice: (text: string) => void,
): Promise<{ readonly end: () => Promise<void> }> {
  const { s3, publish } = project.config.lake
  const commands = [
    ...(s3 ? [{ command: 'push', left: 'Not all of the last commit is on S3 yet' }] : []),
    ...(publish.length > 0
      ? [{ command: 'publish', left: 'The last commit is not published yet' }]
      : []),
  ]
  if (commands.length === 0) return { end: async () => undefined }
  const { startCompanion } = await import('../../adapters/process/companion.ts')
  const { dir, dataDir, target } = project
  const place = ['--project', dir, '--data', dataDir, '--target', target.name]
  const started = commands.map(({ command, left }) => {
    const args = ['lake', command, '--follow', '--with-parent', ...place]
    const about = { args, cwd: dir, env: process.env, isBackground: true, onLine: onNotice }
    const companion: Companion = startCompanion(about)
    return { companion, note: `${left}: the next start goes on, or ccs lake ${command}.` }
  })
  return {
    end: async () => {
      const ends = started.map(async ({ companion, note }) => {
        if (!(await companion.end(END_MS))) onNotice(note)
      })
      await Promise.all(ends)
    },
  }
}

/** How far the copy is; null: ccs.yml names no bucket. */
export async function readCopyStatus({ config, dataDir }: Project): Promise<CopyStatus | null> {
  const { s3 } = config.lake
  if (!s3) return null
  const [{ describeCopy }, { loadCopyState }, { formatPlace }, { diskFiles }] = await Promise.all([
    import('../../domain/lake/s3/copy-status.ts'),
    import('../../adapters/lake/copy-state.ts'),
    import('../../domain/config/lake-s3.ts'),
    import('../../adapters/files/files.ts'),
  ])
  return describeCopy(formatPlace(s3), await loadCopyState(diskFiles(), dataDir))
}
