/** Composition of the live page of a data directory, served by a process that runs no engine. */
import { HealthReader } from '../../domain/live/health.ts'
import type { Project } from '../../project.ts'
import { openDeployedLogic, openLastingAnswers } from '../query.ts'
import type { OpenPageSource } from './engine-module.ts'
import { openProjectStore } from './log.ts'

/** The project's engine while one runs, otherwise the last commit. */
export async function openPageSource(project: Project): Promise<OpenPageSource> {
  const answers = await openLastingAnswers(project)
  const { log, manifests } = await openProjectStore(project)
  const status = () => answers.status()
  return {
    ...{ log, status },
    sources: async () => (await manifests.load())?.sources ?? [],
    catchUp: () => answers.refresh(),
    query: (sql) => answers.query(sql),
    revision: () => answers.revision,
    graph: async () => (await openDeployedLogic(project)).graph,
    openHealth: (parts) => new HealthReader({ ...parts, status }),
    close: async () => {
      await answers.close()
      await log.close()
    },
  }
}
