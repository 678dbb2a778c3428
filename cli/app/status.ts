/** Composition of `ccs status` for targets whose models run as a job on a cluster. */
import type { JobStatus } from '../domain/pipeline/job-status.ts'
import type { Project } from '../project.ts'
import { loadEngine } from './targets/engine.ts'

/** Undefined: the target's models run in ccs, or its engine has no jobs. */
export async function readJobStatus(project: Project): Promise<JobStatus | undefined> {
  return (await loadEngine(project.target.engine)).readStatus?.(project)
}
