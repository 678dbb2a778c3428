/** Composition of the models of a target on ksqlDB. */
import type { TargetModels } from './core/target-models.ts'
import type { ClusterPorts } from './flows/cluster-read.ts'
import type { Logic } from './open.ts'
import type { ModelsOptions } from './open-models.ts'
import type { Project } from './project.ts'

export async function openKsqldbModels(
  _project: Project,
  _logic: Logic,
  _ports: Pick<ClusterPorts, 'topics' | 'registry'>,
  _options: ModelsOptions,
): Promise<TargetModels> {
  throw new Error('not yet')
}
