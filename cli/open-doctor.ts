/** The part of the composition root for `ccs doctor`: the servers of a target. */
import type { Check } from './flows/doctor.ts'
import type { Project } from './project.ts'

/** [] for a target without servers. */
export async function checkTarget(project: Project): Promise<readonly Check[]> {
  const { target } = project
  if (target.name === 'local') return []
  const [{ examineTarget }, { openRemoteRegistry }, { topicSchemas }, { systemClock }] =
    await Promise.all([
      import('./flows/doctor-target.ts'),
      import('./open-registry.ts'),
      import('./core/schema-history.ts'),
      import('./open.ts'),
    ])
  return examineTarget({
    target,
    topics: topicSchemas(project.schemas),
    clock: systemClock(),
    ...(target.registry === undefined ? {} : { registry: await openRemoteRegistry(project) }),
  })
}
