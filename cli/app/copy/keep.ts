/** Composition of the process that uploads commits beside an engine. */
import type { Companion } from '../../adapters/process/companion.ts'
import type { CopyStatus } from '../../domain/lake/s3/copy-status.ts'
import type { Project } from '../../project.ts'

/** Time for the last commit; what does not go up then does at the next start. */
const END_MS = 30_000

/** Uploads each commit of the engine here until it is ended; without a bucket it does nothing. */
export async function keepUploading(
  project: Project,
  onNotice: (text: string) => void,
): Promise<{ readonly end: () => Promise<void> }> {
  if (!project.config.lake.s3) return { end: async () => undefined }
  const { startCompanion } = await import('../../adapters/process/companion.ts')
  const { dir, dataDir, target } = project
  const place = ['--project', dir, '--data', dataDir, '--target', target.name]
  const companion: Companion = startCompanion({
    args: ['lake', 'push', '--follow', '--with-parent', ...place],
    ...{ cwd: dir, env: process.env, onLine: onNotice },
  })
  return {
    end: async () => {
      if (!(await companion.end(END_MS)))
        onNotice(
          'Not all of the last commit is on S3 yet: the next start goes on, or ccs lake push.',
        )
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
